import { card } from "./card.js";
import { ChunkSize } from "./chunksize.js";
import { conflicts } from "./conflicts.js";
import { find } from "./elements.js";
import { encoded, forget, namesIn } from "./folders.js";
import * as handles from "./handles.js";
import { listing, refresh } from "./listing.js";
import { memoryIn, storage } from "./memory.js";
import { queue } from "./queue.js";
import { takeFiles } from "./sources.js";
import { summary } from "./summary.js";
import { FAILED, MOVING, tally } from "./tally.js";
import { goOn, isOnItsWay } from "./unfinished.js";
import { Upload } from "./upload.js";

/** @import { Lot } from "./conflicts.js" */
/** @import { Found, Source } from "./sources.js" */
/** @import { State } from "./upload.js" */

/** Milliseconds between two looks at how far everything is, and after which the listing is taken anew. */
const LOOK = 100;
const REFRESH = 5000;

/** Uploads that are shown one by one. Of more, only those that need somebody or take long are: the rest is summed up. */
const SHOWN = 100;
const LONG = 8 * 1024 * 1024;

/** Files that are taken in one go, before other things get their turn. */
const AT_ONCE = 100;

/** Which uploads an order to all of them is for. */
const MEANT = /** @type {Record<string, (state: State) => boolean>} */ ({
  pause: (state) => MOVING.has(state),
  resume: (state) => state === "paused",
  retry: (state) => state === "stopped",
  cancel: (state) => state !== "done",
  close: (state) => state === "done",
});

/** Have files be uploaded to the folder of this page, in as many tries as it takes. @param {HTMLElement} section */
export async function takeUploads(section) {
  const base = section.dataset.folder ?? "/";
  const list = find(section, "#running");
  const reminders = find(section, "#unfinished");
  const all = /** @type {Set<Upload>} */ (new Set());
  const cards = /** @type {Map<Upload, ReturnType<typeof card>>} */ (new Map());
  const kept = /** @type {Set<string>} */ (new Set());
  const memory = memoryIn(storage());
  const enqueue = queue();
  const chunk = new ChunkSize();
  let taking = 0;
  let timer = 0;
  let refreshing = false;
  let stale = false;
  let rested = 0;

  const again = (/** @type {Upload} */ upload) => {
    forget(upload.folder);
    upload.again();
  };
  const cancel = (/** @type {Upload} */ upload) => upload.cancel();
  const deeds = /** @type {Record<string, (upload: Upload) => void>} */ ({
    pause: (upload) => upload.pause(),
    resume: again,
    retry: again,
    discard: (upload) => upload.discardOther(),
    keep: cancel,
    cancel,
    close: (upload) => {
      all.delete(upload);
      look();
    },
  });
  /** Give an order to all uploads that it is for. @param {string} order */
  const order = (order) => [...all].filter(({ state }) => MEANT[order]?.(state)).forEach(deeds[order] ?? again);
  const ask = conflicts((upload, answer) => upload.settle(answer));
  const sum = summary(find(section, "#summary"), order);

  /** @param {Source} source */
  async function take(source) {
    if (!tally([...all]).moving) {
      order("close");
    }
    forget();
    taking += 1;
    const lot = { answer: "" };
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
    const names = () => namesIn(base, folder);
    if (!file) {
      names().catch(() => {}); // of a folder with files, those say what went wrong
      return;
    }
    const upload = new Upload({ file, folder, label: place + file.name, lot, names, memory, chunk, changed });
    all.add(upload);
    upload.again();
  }

  /** @param {Upload} upload */
  function changed(upload) {
    const { state, identity } = upload;
    if (state === "queued") {
      enqueue(upload);
    } else if (state === "sending" && identity) {
      isOnItsWay(reminders, identity);
    } else if (state === "done") {
      stale = true;
    } else if (state === "taken") {
      ask(upload);
    } else if (state === "cancelled") {
      all.delete(upload);
    }
    look();
  }

  /** Show how far everything is, soon: not at each of thousands of changes. */
  function look() {
    if (!timer) {
      timer = window.setTimeout(show, LOOK);
    }
  }

  function show() {
    timer = 0;
    const now = tally([...all]);
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
    await refresh().catch(() => {}); // a reload shows it too
    refreshing = false;
    rested = performance.now() + REFRESH;
    look();
  }

  function showCards() {
    const some = all.size > SHOWN ? [...all].filter(isOfInterest).slice(0, SHOWN) : [...all];
    const shown = new Set(some);
    for (const [upload, { element }] of cards) {
      if (!shown.has(upload)) {
        const held = element.contains(document.activeElement);
        element.remove();
        cards.delete(upload);
        if (held) {
          find(document, "#choose").focus();
        }
      }
    }
    for (const upload of some) {
      const { element, show } = cards.get(upload) ?? card(upload, (order) => deeds[order]?.(upload));
      cards.set(upload, { element, show });
      show();
      if (!element.isConnected) {
        list.append(element);
      }
    }
  }

  addEventListener("beforeunload", (event) => {
    if (tally([...all]).moving) {
      event.preventDefault();
    }
  });
  takeFiles(take, (handle) => {
    kept.add(handle.name);
    handles.keep(base, handle);
  });
  await goOn(base, memory, reminders, take, kept);
}

/** @param {Upload} upload */
const isOfInterest = ({ state, size }) =>
  FAILED.has(state) || (size > LONG && MOVING.has(state) && state !== "queued");
