import { announce, closest, find } from "./elements.js";
import { tn } from "./texts.js";

/** @import { Act } from "./actions.js" */
/** @import { Item } from "./rows.js" */
/** @import { Listing } from "./listing.js" */

/**
 * Have entries be selected: by mouse, by touch on an icon, by the keyboard.
 *
 * @param {Listing} list
 * @param {Act} act
 */
export function selectionOn(list, act) {
  const bar = find(document, "#chosen-bar");
  const count = find(bar, "#count");
  /** @type {Set<string>} */
  let chosen = new Set();
  /** Where a range begins, and which entry has the focus. */
  let anchor = 0;
  let at = -1;

  /** Those that are selected and to be seen, in their order. */
  const items = () => list.shown.filter(({ href }) => chosen.has(href));

  /** @param {Item[]} items */
  function set(items) {
    chosen = new Set(items.map(({ href }) => href));
    refresh();
  }

  /** @param {Item} item */
  function toggle({ href }) {
    if (!chosen.delete(href)) {
      chosen.add(href);
    }
    refresh();
  }

  /** Show what is selected now. */
  function refresh() {
    list.shown.forEach(mark);
    const { length } = items();
    const words = length ? tn("{n} selected", "{n} selected", length) : "";
    const held = !length && bar.contains(document.activeElement);
    if (words && words !== count.textContent) {
      announce(words);
    }
    count.textContent = words;
    if (held) {
      list.focus(at);
    }
  }

  /** @param {Item} item */
  function mark({ href, row }) {
    const box = row?.querySelector("input");
    if (box) {
      box.checked = chosen.has(href);
    }
  }

  /** Select all from where the range begins. @param {number} to */
  const range = (to) => set(list.shown.slice(Math.min(anchor, to), Math.max(anchor, to) + 1));

  /**
   * Do what a key is for. It means the row that has the focus, else what is selected, never what only had the focus
   * before: other rows may have come above that one since.
   *
   * @param {KeyboardEvent} event
   * @returns {boolean} whether it is for anything
   */
  function take({ key, target, shiftKey, ctrlKey, metaKey, repeat }) {
    const { shown } = list;
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -shown.length, End: shown.length }[key];
    const item = shown[list.indexOf(target)] ?? items()[0];
    const more = closest(target, ".more");
    // A row's menu says which of its orders a key is for, and has none that isn't allowed.
    /** @type {HTMLElement | null} */
    const button = document.querySelector(`.menu [aria-keyshortcuts="${CSS.escape(key)}"]`);
    const order = button?.dataset.act;
    if (step) {
      at = Math.max(0, Math.min(shown.length - 1, at + step));
      if (shiftKey) {
        range(at);
      } else {
        anchor = at;
      }
      list.focus(at);
    } else if (key === " " && more) {
      more.click();
    } else if (key === " " && item) {
      anchor = at;
      toggle(item);
    } else if (key === "a" && (ctrlKey || metaKey)) {
      set(shown);
    } else if (key === "Escape" && chosen.size) {
      set([]);
    } else if (order && item && !repeat) {
      // A key that is held would go on to the next row, and the next.
      act(order, order === "delete" && items().length ? items() : [item]);
    } else {
      return false;
    }
    return true;
  }

  list.onRow = mark;
  list.onShow = refresh;
  list.section.addEventListener("focusin", ({ target }) => {
    const index = list.indexOf(target);
    at = index < 0 ? at : index;
  });
  list.section.addEventListener("click", ({ target, shiftKey, ctrlKey, metaKey }) => {
    const index = list.indexOf(target);
    const item = list.shown[index];
    if (!item || closest(target, "a, button, input:not(.pick)")) {
      return;
    }
    at = index;
    if (shiftKey) {
      getSelection()?.removeAllRanges();
      range(index);
      return;
    }
    anchor = index;
    if (closest(target, ".pick") || ctrlKey || metaKey) {
      toggle(item);
    } else {
      set(chosen.size === 1 && chosen.has(item.href) ? [] : [item]);
    }
  });
  bar.onclick = ({ target }) => act(closest(target, "button")?.dataset.act ?? "", items());
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    // A click on a row gives the focus to the page's main part.
    const inside = closest(target, "#listing") || (target instanceof Node && target.contains(list.section));
    const typing = closest(target, "input:not(.pick)");
    if (inside && !typing && !event.altKey && !document.querySelector("dialog[open]") && take(event)) {
      event.preventDefault();
    }
  });
  return { set, toggle };
}
