import { find } from "./elements.js";

/**
 * Give the parts of an element that shows uploads, and have its buttons give their orders.
 *
 * @param {HTMLElement} element
 * @param {(order: string) => void} order
 */
export function frame(element, order) {
  element.onclick = ({ target }) => order(/** @type {HTMLElement} */ (target).dataset.order ?? "");

  /** Show those buttons that make sense as things are, and keep the focus among them. @param {...string} states */
  function offer(...states) {
    const held = element.contains(document.activeElement);
    const buttons = element.querySelectorAll("button");
    for (const button of buttons) {
      button.hidden = !states.some((state) => button.matches(`[data-when~="${state}"]`));
    }
    if (held && !element.contains(document.activeElement)) {
      [...buttons].find(({ hidden }) => !hidden)?.focus();
    }
  }
  return {
    name: find(element, ".upload-name"),
    bar: find(element, "progress", HTMLProgressElement),
    words: find(element, ".upload-words"),
    offer,
  };
}
