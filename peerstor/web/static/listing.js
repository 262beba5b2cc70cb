import { announce, closest, find, make } from "./elements.js";
import { insist } from "./resumable.js";
import { dress, itemOf, rowOf } from "./rows.js";
import { pageAt } from "./state.js";
import { t } from "./texts.js";
import { send } from "./transport.js";

/** @import { Item } from "./rows.js" */

/** @typedef {ReturnType<typeof listingIn>} Listing the entries of a folder, and those of them that stand in the table */

/** Rows that a page has at most; of a longer list, those stand in it that can be seen, and as many around. */
const WHOLE = 1000;
const AROUND = 20;

/** Entries asked for at once: some milliseconds to read. */
const LIMIT = "5000";

/** @param {HTMLElement} section */
function listingIn(section) {
  const { dataset: data } = section;
  /** @type {Item[]} */
  let items = [];
  let shown = items;
  let words = "";
  /** Which entry is the first in the table; less than 0 to have the table be drawn anew. */
  let from = 0;
  /** @type {Item[]} */
  let drawn = [];
  /** Of a row, pixels. */
  let height = 53;
  /** How often entries were taken out. */
  let removals = 0;

  const list = {
    section,
    data,
    get items() {
      return items;
    },
    /** Those that the filter lets through. */
    get shown() {
      return shown;
    },
    /** Called for each row that comes into the table. @type {(item: Item) => void} */
    onRow: () => {},
    /** Called after other entries have come to be shown. */
    onShow: () => {},
    /** Ends when what is under way has ended. */
    refreshing: Promise.resolve(),
    /** Ends when the rows may be exchanged. */
    settled: async () => {},
    /** Where it is listed: the page's own address, unless a file is shown over it. */
    address: location.href,
    start,
    refresh,
    goTo,
    filter,
    remove,
    indexOf,
    reveal,
    focus,
  };

  const table = () => section.querySelector("tbody");
  const windowed = () => shown.length > WHOLE;
  const indexAt = (/** @type {string | undefined} */ address) => shown.findIndex(({ href }) => href === address);

  /**
   * Do something with the entries, one after the other, so that an older listing never comes last. What fails leaves the
   * page as it was: a reload shows why, or what follows the folder.
   *
   * @param {() => Promise<void>} step takes the folder anew, unless something else is to be done
   */
  function refresh(step = renew) {
    list.refreshing = list.refreshing.then(step).catch(() => {});
    return list.refreshing;
  }

  /** Take the rows that the server wrote, then what stands on further pages. */
  function start() {
    take([]);
    return refresh(async () => {
      if (data.next) {
        const rest = await pages(data.next);
        items = [...items, ...rest]; // those that are left by now
        show();
      }
    });
  }

  /** Take the folder anew, and go to what has come into it. @param {string} href */
  async function goTo(href) {
    await refresh();
    focus(indexAt(href));
  }

  /** Take the folder anew, leaving the rest of the page (running uploads, above all) as it is. */
  async function renew() {
    const known = removals;
    const page = await pageAt(list.address);
    const found = find(page, "#listing");
    const { next } = found.dataset;
    const rest = next ? await pages(next) : [];
    await list.settled();
    if (known !== removals) {
      return renew(); // or what is gone would come back for a moment
    }
    const active = closest(document.activeElement, "#listing *");
    const held = active?.getAttribute("href");
    const at = indexOf(active);
    // What the reader points to, or sees first, stays where it is.
    const hovered = indexOf(section.querySelector("tbody tr:hover"));
    const first = scrollY ? shown.findIndex(({ row }, index) => row && top(index) >= 0) : at;
    const anchor = hovered < 0 ? first : hovered;
    const before = top(anchor);
    const href = shown[anchor]?.href;
    section.replaceChildren(...found.childNodes);
    Object.assign(data, found.dataset);
    take(rest);
    const [readme, other] = [document, page].map((one) => one.querySelector(".readme"));
    if (readme?.outerHTML !== other?.outerHTML) {
      readme?.remove();
      section.after(other ?? "");
    }
    const now = indexAt(href);
    if (now >= 0) {
      scrollBy({ top: top(now) - before, behavior: "instant" });
      draw();
    }
    if (held) {
      /** @type {HTMLElement | null} */
      const link = section.querySelector(`a[href="${CSS.escape(held)}"]`);
      const beside = shown[Math.min(at, shown.length - 1)]?.row?.querySelector("a");
      (link ?? beside)?.focus({ preventScroll: true });
    }
  }

  /** Where the row of an entry is, or would be: pixels below the top of the window. @param {number} index in `shown` */
  function top(index) {
    const row = shown[index]?.row;
    const start = table()?.getBoundingClientRect().top ?? 0;
    return row?.isConnected ? row.getBoundingClientRect().top : start + index * height;
  }

  /** @param {string} text that a name has to contain */
  function filter(text) {
    words = text.toLocaleLowerCase();
    show();
    announce(words ? t("{n} of {all} shown.", { n: shown.length, all: items.length }) : "");
  }

  /** @param {Set<string>} gone addresses of entries that are there no more */
  function remove(gone) {
    items = items.filter(({ href }) => !gone.has(href));
    removals += 1;
    show();
  }

  /** Show those entries that are to be shown. */
  function show() {
    shown = words ? items.filter(({ name }) => name.toLocaleLowerCase().includes(words)) : items;
    measure();
    list.onShow();
  }

  /** Give the place in `shown` of the entry in whose row something is; -1 where it is in none. @param {any} node */
  function indexOf(node) {
    return shown.findIndex(({ row }) => row?.contains(node));
  }

  /** Have the row of an entry in the table, and in sight. @param {number} index in `shown` */
  function reveal(index) {
    const item = shown[index];
    if (item && !item.row?.isConnected) {
      scrollBy({ top: top(index) - innerHeight / 2, behavior: "instant" });
      draw();
    }
    item?.row?.scrollIntoView({ block: "nearest", behavior: "instant" });
    return item?.row;
  }

  /** Give an entry the focus. @param {number} index in `shown` */
  function focus(index) {
    reveal(index)?.querySelector("a")?.focus();
  }

  /** Take the rows that the server wrote. @param {Item[]} rest what stands on further pages */
  function take(rest) {
    items = [...Array.from(table()?.rows ?? [], itemOf), ...rest];
    shown = items;
    drawn = [];
    from = 0;
    items.forEach(prepare);
    const zone = section.querySelector("#zone");
    if (zone) {
      zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
    }
    if (words || windowed()) {
      show();
    } else {
      list.onShow();
    }
  }

  /** @param {Item} item */
  function prepare(item) {
    if (item.row) {
      dress(item.row, item.name, "archive" in data);
      list.onRow(item);
    }
  }

  /** Learn how high a row is, and draw anew. */
  function measure() {
    section.classList.toggle("windowed", windowed());
    from = -1;
    height = table()?.querySelector("th")?.parentElement?.offsetHeight || height;
    draw();
  }

  function draw() {
    const body = table();
    if (!body) {
      return;
    }
    const count = windowed() ? Math.ceil(innerHeight / height) + 2 * AROUND : shown.length;
    const first = Math.floor(-body.getBoundingClientRect().top / height) - AROUND;
    const start = Math.max(0, Math.min(first, shown.length - count));
    if (from >= 0 && Math.abs(start - from) < AROUND / 2) {
      return;
    }
    from = start;
    const before = drawn;
    drawn = shown.slice(from, from + count);
    const rows = drawn.map((item) => {
      if (!item.row) {
        item.row = rowOf(item, data.entry);
        prepare(item);
      }
      return item.row;
    });
    const held = closest(document.activeElement, "tbody *");
    const behind = shown.length - from - rows.length;
    body.replaceChildren(...space(from * height), ...rows, ...space(behind * height));
    held?.focus({ preventScroll: true });
    for (const item of before) {
      // Of those that the server wrote, only the row says it all.
      if (item.mtime !== undefined && !item.row?.isConnected) {
        item.row = null;
      }
    }
  }

  addEventListener("scroll", draw);
  addEventListener("resize", measure);
  return list;
}

/**
 * Read all pages of a folder from one on, in as many tries as it takes: a list that ends early would look whole.
 *
 * @param {string | URL} next address of that page, which the listing's may lead to
 * @returns {Promise<Item[]>}
 * @throws {import("./transport.js").Refusal}
 */
export async function pages(next) {
  const address = new URL(next, listing?.address);
  const { searchParams } = address;
  searchParams.set("limit", LIMIT);
  const { entries, next: cursor } = await insist(() => send({ method: "GET", url: address.href }));
  searchParams.set("cursor", cursor);
  return cursor ? [...entries, ...(await pages(address))] : entries;
}

/** What stands in for the rows that aren't in the table. @param {number} height pixels */
function space(height) {
  const row = make("tr", { ariaHidden: "true" });
  row.insertCell().style.height = `${height}px`;
  return height > 0 ? [row] : [];
}

const section = globalThis.document?.querySelector("#listing[data-here]");

/** The listing of the page; null on pages without one. */
export const listing = section instanceof HTMLElement ? listingIn(section) : null;
