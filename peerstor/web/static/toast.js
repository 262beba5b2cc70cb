import { announce, find } from "./elements.js";
import { t } from "./texts.js";

/** Milliseconds for which a message stays; one that offers something, longer. */
const STAYS = 6000;
const OFFERS = 15_000;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Say what has happened, and what can be done about it.
 *
 * @param {string} words
 * @param {string} [label] of the button
 * @param {() => void} [deed]
 */
export function toast(words, label = "", deed = () => {}) {
  const shown = find(document, "#toast");
  const button = find(shown, "button");
  const hide = () => {
    shown.hidden = true;
  };
  /** Go away after a while, unless somebody is about to press a button. */
  const wait = () => {
    const end = () => (shown.matches(":hover, :focus-within") ? wait() : hide());
    clearTimeout(timer);
    timer = setTimeout(end, label ? OFFERS : STAYS);
  };
  find(shown, "span").textContent = words;
  button.textContent = label;
  button.hidden = !label;
  button.onclick = () => {
    hide();
    deed();
  };
  find(shown, "button + button").onclick = hide;
  shown.hidden = false;
  wait();
  announce(words + (label ? ` ${t("{label} is offered at the end of the page.", { label })}` : ""));
}
