import { announce, find } from "./elements.js";
import { tn } from "./texts.js";

/** @import { Item } from "./rows.js" */
/** @import { Listing } from "./listing.js" */

/** @typedef {(act: string, items: Item[]) => void} Act does something with entries */

const KEYS = /** @type {Record<string, string>} */ ({ Delete: "delete", F2: "rename" });

/** Which entries are selected: by mouse, by touch on an icon, by the keyboard. */
export class Selection {
  #chosen = /** @type {Map<string, Item>} */ (new Map());
  #listing;
  #act;
  #bar = find(document, "#chosen-bar");
  /** Where a range begins, and which entry has the focus. */
  #anchor = 0;
  #at = -1;

  /**
   * @param {Listing} list
   * @param {Act} act
   */
  constructor(list, act) {
    this.#listing = list;
    this.#act = act;
    list.onRow = (item) => this.#mark(item);
    list.onShow = () => this.refresh();
    list.section.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("keydown", (event) => this.#pressed(event));
    list.section.addEventListener("focusin", ({ target }) => {
      const at = this.#indexOf(target);
      this.#at = at < 0 ? this.#at : at;
    });
    this.#bar.addEventListener("click", ({ target }) => {
      const order = target instanceof HTMLElement ? target.dataset.act : "";
      if (order === "clear") {
        this.set([]);
      } else if (order) {
        act(order, this.items);
      }
    });
  }

  /** Those that are selected and to be seen, in their order. */
  get items() {
    return this.#listing.shown.filter(({ href }) => this.#chosen.has(href));
  }

  /** @param {Item[]} items */
  set(items) {
    this.#chosen = new Map(items.map((item) => [item.href, item]));
    this.refresh();
  }

  /** @param {Item} item */
  toggle(item) {
    if (!this.#chosen.delete(item.href)) {
      this.#chosen.set(item.href, item);
    }
    this.refresh();
  }

  /** Show what is selected now. */
  refresh() {
    for (const item of this.#listing.shown) {
      this.#mark(item);
    }
    const { items } = this;
    const words = items.length ? tn("{n} selected", "{n} selected", items.length) : "";
    const held = this.#bar.contains(document.activeElement) && !items.length;
    this.#bar.hidden = !items.length;
    this.#listing.section.classList.toggle("choosing", items.length > 0);
    const count = find(this.#bar, "#count");
    if (items.length && count.textContent !== words) {
      announce(words);
    }
    count.textContent = words;
    if (held) {
      this.#focus(this.#at);
    }
  }

  /** @param {Item} item */
  #mark({ href, row }) {
    if (row) {
      const chosen = this.#chosen.has(href);
      row.classList.toggle("chosen", chosen);
      const box = row.querySelector("input");
      if (box?.type === "checkbox") {
        box.checked = chosen;
      }
    }
  }

  /** @param {EventTarget | null} target */
  #indexOf(target) {
    const row = target instanceof Element ? target.closest("tbody tr") : null;
    return row ? this.#listing.shown.findIndex((item) => item.row === row) : -1;
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const { target } = event;
    const index = this.#indexOf(target);
    const item = this.#listing.shown[index];
    const box = target instanceof HTMLInputElement && target.type === "checkbox";
    if (!item || !(target instanceof Element) || (!box && target.closest("a, button, input"))) {
      return;
    }
    if (event.shiftKey) {
      getSelection()?.removeAllRanges();
      this.#range(index);
    } else {
      this.#anchor = index;
      if (box || event.ctrlKey || event.metaKey) {
        this.toggle(item);
      } else {
        this.set(this.#chosen.size === 1 && this.#chosen.has(item.href) ? [] : [item]);
      }
    }
    this.#at = index;
  }

  /** @param {number} to */
  #range(to) {
    const [from, end] = [Math.min(this.#anchor, to), Math.max(this.#anchor, to) + 1];
    this.set(this.#listing.shown.slice(from, end));
  }

  /** @param {number} index */
  #focus(index) {
    const row = this.#listing.reveal(index);
    row?.querySelector("a")?.focus();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const { key, target } = event;
    const inside =
      target instanceof Element &&
      (target === document.body || this.#listing.section.contains(target)) &&
      !document.querySelector("dialog[open]");
    const typing = target instanceof HTMLInputElement && target.type !== "checkbox";
    if (inside && !typing && !event.altKey && this.#take(key, event)) {
      event.preventDefault();
    }
  }

  /**
   * @param {string} key
   * @param {KeyboardEvent} event
   */
  #take(key, { target, shiftKey, ctrlKey, metaKey }) {
    const { shown } = this.#listing;
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -shown.length, End: shown.length }[key];
    const at = shown[this.#at];
    if (step) {
      const to = Math.max(0, Math.min(shown.length - 1, this.#at + step));
      this.#at = to;
      if (shiftKey) {
        this.#range(to);
      } else {
        this.#anchor = to;
      }
      this.#focus(to);
    } else if (key === " " && at && target instanceof Element) {
      if (target.matches(".more")) {
        /** @type {HTMLElement} */ (target).click();
        return true;
      }
      this.#anchor = this.#at;
      this.toggle(at);
    } else if (key === "a" && (ctrlKey || metaKey)) {
      this.set(shown);
    } else if (key === "Escape" && this.#chosen.size) {
      this.set([]);
    } else if (KEYS[key] && at) {
      this.#act(KEYS[key], this.items.length && key === "Delete" ? this.items : [at]);
    } else {
      return false;
    }
    return true;
  }
}
