import { find } from "./elements.js";

/**
 * Give the parts of an element that shows uploads, and have its buttons give their orders.
 *
 * @param {HTMLElement} element
 * @param {(order: string, states: string[]) => void} give an order, to uploads in some states where it is for several
 */
export function frame(element, give) {
  element.onclick = ({ target }) => {
    const { order = "", of = "", asks } = /** @type {HTMLElement} */ (target).dataset;
    if (!asks || confirm(asks)) {
      give(order, of.split(" "));
    }
  };
  const buttons = [...element.querySelectorAll("button")];

  /** Show those buttons that make sense as things are, and keep the focus among them. @param {...string} states */
  function offer(...states) {
    const held = buttons.find((button) => button === document.activeElement);
    for (const button of buttons) {
      button.hidden = !states.some((state) => button.matches(`[data-when~="${state}"]`));
    }
    if (held?.hidden) {
      buttons.find(({ hidden }) => !hidden)?.focus();
    }
  }
  return {
    name: find(element, ".upload-name"),
    bar: find(element, "progress", HTMLProgressElement),
    words: find(element, ".upload-words"),
    offer,
  };
}
