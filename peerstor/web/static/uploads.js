import { card } from "./card.js";
import { chunkSize } from "./chunksize.js";
import { conflicts } from "./conflicts.js";
import { find } from "./elements.js";
import { encoded, forget, namesIn } from "./folders.js";
import * as handles from "./handles.js";
import { listing } from "./listing.js";
import { memoryIn, storage } from "./memory.js";
import { queue } from "./queue.js";
import { takeFiles } from "./sources.js";
import { summary } from "./summary.js";
import { FAILED, MOVING, tally } from "./tally.js";
import { goOn, isOnItsWay } from "./unfinished.js";
import { uploadOf } from "./upload.js";

/** @import { Lot } from "./conflicts.js" */
/** @import { Found, Source } from "./sources.js" */
/** @import { Upload } from "./upload.js" */

/** Milliseconds between two looks at how far everything is, and after which the listing is taken anew. */
const LOOK = 100;
const REFRESH = 5000;

/** Uploads that are shown one by one. Of more, only those that need somebody or take long are: the rest is summed up. */
const SHOWN = 100;
const LONG = 8 * 1024 * 1024;

/** Files that are taken in one go, before other things get their turn. */
const AT_ONCE = 100;

/** Have files be uploaded to the folder of this page, in as many tries as it takes. @param {HTMLElement} section */
export async function takeUploads(section) {
  const base = section.dataset.folder ?? "/";
  /** @type {Set<Upload>} */
  const all = new Set();
  /** @type {Map<Upload, ReturnType<typeof card>>} */
  const cards = new Map();
  /** @type {Set<string>} */
  const kept = new Set();
  const memory = memoryIn(storage() ?? {});
  const chunk = chunkSize();
  const seen = !!listing && !section.dataset.share;
  const enqueue = queue();
  const ask = conflicts();
  const sum = summary(find(section, "#summary"), order);
  let taking = 0;
  /** @type {ReturnType<typeof setTimeout> | 0} */
  let timer = 0;
  let refreshing = false;
  let stale = false;
  let rested = 0;

  /** Give an order to all uploads that it is for. @param {string} order @param {string[]} states that they are in */
  function order(order, states) {
    for (const { state, orders } of all) {
      if (states.includes(state)) {
        orders[order]?.();
      }
    }
  }

  /** @param {Source} source @param {Lot} [lot] */
  async function take(source, lot = {}) {
    if (!tally(all).moving) {
      order("close", ["done"]);
    }
    forget();
    taking += 1;
    let taken = 0;
    for await (const found of source) {
      add(found, lot);
      taken += 1;
      if (taken % AT_ONCE === 0) {
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
    taking -= 1;
    look();
  }

  /** @param {Found} found @param {Lot} lot */
  function add({ file, path }, lot) {
    // Where no folders can be made, their files come without them.
    const place = listing && "folder" in listing.data ? path : "";
    const folder = base + encoded(place);
    const names = () => namesIn(base, folder, seen && lot.again);
    if (!file) {
      names().catch(() => {}); // of a folder with files, those say what went wrong
      return;
    }
    const upload = uploadOf({ file, folder, label: place + file.name, lot, names, memory, chunk, seen, changed });
    all.add(upload);
    upload.begin();
  }

  /** @param {Upload} upload */
  function changed(upload) {
    const { state, stated } = upload;
    if (state === "queued") {
      enqueue(upload);
    } else if (state === "sending" && stated) {
      isOnItsWay(stated);
    } else if (state === "done") {
      stale = true;
    } else if (state === "taken") {
      ask(upload);
    } else if (state === "gone") {
      all.delete(upload);
    }
    look();
  }

  /** Show how far everything is, soon: not at each of thousands of changes. */
  function look() {
    if (!timer) {
      timer = setTimeout(show, LOOK);
    }
  }

  function show() {
    timer = 0;
    const now = tally(all);
    sum(now);
    showCards();
    if (!taking && now.files === now.done) {
      for (const name of kept) {
        handles.drop(base, name);
      }
      kept.clear();
    }
    if (stale && !refreshing && (!now.moving || performance.now() > rested)) {
      takeAnew();
    }
  }

  async function takeAnew() {
    refreshing = true;
    stale = false;
    await listing?.refresh();
    refreshing = false;
    rested = performance.now() + REFRESH;
    look();
  }

  function showCards() {
    const shown = [...all]
      .filter(
        ({ state, size }) =>
          all.size <= SHOWN ||
          FAILED.includes(state) ||
          (size > LONG && MOVING.includes(state) && state !== "queued"),
      )
      .slice(0, SHOWN);
    for (const [upload, { element }] of cards) {
      if (!shown.includes(upload)) {
        if (element.contains(document.activeElement)) {
          find(document, "#choose").focus();
        }
        element.remove();
        cards.delete(upload);
      }
    }
    for (const upload of shown) {
      const made = cards.get(upload) ?? card(upload, find(section, "#running"));
      cards.set(upload, made);
      made.show();
    }
  }

  addEventListener("beforeunload", (event) => {
    if (tally(all).moving) {
      event.preventDefault();
    }
  });
  takeFiles(take, (handle) => {
    kept.add(handle.name);
    handles.keep(base, handle);
  });
  await goOn(base, memory, find(section, "#unfinished"), take, kept);
}
