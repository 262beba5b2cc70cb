import { announce, find } from "./elements.js";
import { dress, itemOf, rowOf } from "./rows.js";
import { heed } from "./state.js";
import { t } from "./texts.js";

/** @import { Item } from "./rows.js" */

/** Rows that a page has at most; of a longer list, those stand in it that can be seen, and as many around. */
const WHOLE = 1000;
const AROUND = 20;

/** Entries asked for at once: some milliseconds to read. */
const LIMIT = 5000;

/** The entries of a folder, and those of them that stand in the table. */
export class Listing {
  /** @type {Item[]} */
  items = [];
  /** @type {Item[]} those that the filter lets through */
  shown = [];
  /** Called for each row that comes into the table. @type {(item: Item) => void} */
  onRow = () => {};
  /** Called after other entries have come to be shown. */
  onShow = () => {};
  /** Ends when what is under way has ended. */
  refreshing = Promise.resolve();
  /** Ends when the rows may be exchanged. */
  settled = async () => {};
  /** Where it is listed: the page's own address, unless a file is shown over it. */
  address = globalThis.location?.href;
  #words = "";
  #from = 0;
  #drawn = /** @type {Item[]} */ ([]);
  #height = 0;

  /** @param {HTMLElement} section */
  constructor(section) {
    this.section = section;
    this.data = section.dataset;
    addEventListener("scroll", () => this.#draw(), { passive: true });
    addEventListener("resize", () => this.#measure());
  }

  get #body() {
    return this.section.querySelector("tbody");
  }

  /** Take the rows that the server wrote, then what stands on further pages. */
  async start() {
    this.#take(this.#read());
    await this.#rest(this.data.next);
  }

  /**
   * Take the folder anew, leaving the rest of the page (running uploads, above all) as it is. One after the other, so
   * that an older listing never comes last. What fails leaves the page as it was: a reload shows why.
   */
  refresh() {
    this.refreshing = this.refreshing.then(() => this.#renew().catch(() => {}));
    return this.refreshing;
  }

  async #renew() {
    const answer = await fetch(this.address, { headers: { Accept: "text/html" }, cache: "no-cache" });
    heed(answer);
    if (!answer.ok) {
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = find(fresh, "#listing");
    const rest = await this.#pages(found.dataset.next);
    await this.settled();
    const active = document.activeElement;
    const held = this.section.contains(active) && active?.getAttribute("href");
    const at = this.shown.findIndex(({ row }) => row?.contains(active));
    // What the reader points to, or sees first, stays where it is.
    const hovered = this.shown.findIndex(({ row }) => row?.matches(":hover"));
    const first = scrollY ? this.shown.findIndex(({ row }, index) => row && this.#top(index) >= 0) : at;
    const anchor = hovered < 0 ? first : hovered;
    const top = this.#top(anchor);
    const href = this.shown[anchor]?.href;
    this.section.replaceChildren(...found.childNodes);
    this.data.version = found.dataset.version ?? "";
    this.#take([...this.#read(), ...rest]);
    const now = this.shown.findIndex((item) => item.href === href);
    if (now >= 0) {
      scrollBy({ top: this.#top(now) - top, behavior: "instant" });
      this.#draw();
    }
    if (held) {
      const link = this.section.querySelector(`a[href="${CSS.escape(held)}"]`);
      const beside = this.shown[Math.min(at, this.shown.length - 1)]?.row?.querySelector("a");
      /** @type {HTMLElement | null | undefined} */ (link ?? beside)?.focus({ preventScroll: true });
    }
  }

  /** Where the row of an entry is, or would be: pixels below the top of the window. @param {number} index in `shown` */
  #top(index) {
    const row = this.shown[index]?.row;
    const start = this.#body?.getBoundingClientRect().top ?? 0;
    return row?.isConnected ? row.getBoundingClientRect().top : start + index * this.#height;
  }

  /** @param {string} words that a name has to contain */
  filter(words) {
    this.#words = words.toLocaleLowerCase();
    this.show();
    announce(words ? t("{n} of {all} shown.", { n: this.shown.length, all: this.items.length }) : "");
  }

  /** @param {Set<Item>} gone entries that are there no more */
  remove(gone) {
    this.items = this.items.filter((item) => !gone.has(item));
    this.show();
  }

  /** Show those entries that are to be shown. */
  show() {
    const { items } = this;
    const words = this.#words;
    this.shown = words ? items.filter(({ name }) => name.toLocaleLowerCase().includes(words)) : items;
    this.#measure();
    this.onShow();
  }

  /** Have the row of an entry in the table, and in sight. @param {number} index in `shown` */
  reveal(index) {
    const body = this.#body;
    if (body && this.#windowed && !this.shown[index]?.row?.isConnected) {
      const top = body.getBoundingClientRect().top + scrollY + index * this.#height;
      scrollTo({ top: top - innerHeight / 2, behavior: "instant" });
      this.#draw();
    }
    const row = this.shown[index]?.row;
    row?.scrollIntoView({ block: "nearest", behavior: "instant" });
    return row ?? null;
  }

  #read() {
    return Array.from(this.#body?.rows ?? [], itemOf);
  }

  /** @param {Item[]} items */
  #take(items) {
    this.items = items;
    this.shown = items;
    this.#drawn = [];
    for (const item of items) {
      this.#dress(item);
    }
    const zone = document.getElementById("zone");
    if (zone) {
      zone.textContent = t("Times are in {zone}.", { zone: Intl.DateTimeFormat().resolvedOptions().timeZone });
    }
    if (this.#words || items.length > WHOLE) {
      this.show();
    } else {
      this.onShow();
    }
  }

  /** @param {Item} item */
  #dress(item) {
    if (item.row) {
      dress(item, "archive" in this.data);
      this.onRow(item);
    }
  }

  /** @param {string | undefined} next */
  async #rest(next) {
    if (next) {
      const further = await this.#pages(next);
      this.items = [...this.items, ...further];
      this.show();
    }
  }

  /** Read all pages from one on. @param {string | undefined} next its address @returns {Promise<Item[]>} */
  async #pages(next) {
    const found = /** @type {Item[]} */ ([]);
    let address = next ? new URL(next, this.address) : null;
    while (address) {
      address.searchParams.set("limit", String(LIMIT));
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      const page = answer.ok ? await answer.json() : { entries: [], next: null };
      for (const entry of page.entries) {
        found.push({ ...entry, row: null });
      }
      address.searchParams.set("cursor", page.next ?? "");
      address = page.next ? address : null;
    }
    this.section.querySelector('[rel="next"]')?.remove();
    return found;
  }

  get #windowed() {
    return this.shown.length > WHOLE;
  }

  /** Learn how high a row is, and draw anew. */
  #measure() {
    this.section.classList.toggle("windowed", this.#windowed);
    this.#from = -1;
    this.#height = this.#body?.querySelector("th")?.parentElement?.offsetHeight || this.#height || 53;
    this.#draw();
  }

  #draw() {
    const body = this.#body;
    const before = this.#from;
    if (!body || (before >= 0 && !this.#windowed)) {
      return;
    }
    const count = Math.ceil(innerHeight / this.#height) + 2 * AROUND;
    const first = Math.floor(-body.getBoundingClientRect().top / this.#height) - AROUND;
    const from = this.#windowed ? Math.max(0, Math.min(first, this.shown.length - count)) : 0;
    if (before >= 0 && Math.abs(from - before) < AROUND / 2) {
      return;
    }
    this.#from = from;
    const drawn = this.#windowed ? this.shown.slice(from, from + count) : this.shown;
    for (const item of drawn) {
      if (!item.row) {
        item.row = rowOf(item, this.data.entry);
        this.#dress(item);
      }
    }
    const held = document.activeElement;
    const behind = this.shown.length - from - drawn.length;
    body.replaceChildren(...space(from * this.#height), ...rowsOf(drawn), ...space(behind * this.#height));
    if (held instanceof HTMLElement && body.contains(held)) {
      held.focus({ preventScroll: true });
    }
    const kept = new Set(drawn);
    for (const item of this.#drawn) {
      // Of those that the server wrote, only the row says it all.
      if (!kept.has(item) && item.mtime !== undefined) {
        item.row = null;
      }
    }
    this.#drawn = drawn;
  }
}

/** @param {Item[]} items */
const rowsOf = (items) => items.flatMap(({ row }) => row ?? []);

/** What stands in for the rows that aren't in the table. @param {number} height pixels */
function space(height) {
  const row = document.createElement("tr");
  row.ariaHidden = "true";
  row.insertCell().style.height = `${height}px`;
  return height > 0 ? [row] : [];
}

const section = globalThis.document?.querySelector("#listing[data-here]");

/** The listing of the page; null on pages without one. */
export const listing = section instanceof HTMLElement ? new Listing(section) : null;

/** Take the folder anew, where there is one to be seen. */
export async function refresh() {
  await listing?.refresh();
}
