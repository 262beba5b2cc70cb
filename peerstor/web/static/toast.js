import { announce, find, make } from "./elements.js";
import { t } from "./texts.js";

/** Milliseconds for which a message stays; one that offers something, longer. */
const STAYS = 6000;
const OFFERS = 15_000;

let timer = 0;

/**
 * Say what has happened, and what can be done about it.
 *
 * @param {string} words
 * @param {string} [label] of the button
 * @param {() => void} [deed]
 */
export function toast(words, label = "", deed = () => {}) {
  const shown = find(document, "#toast");
  const hide = () => {
    shown.hidden = true;
  };
  const wait = () => {
    clearTimeout(timer);
    timer = window.setTimeout(hide, label ? OFFERS : STAYS);
  };
  const act = () => {
    hide();
    deed();
  };
  const button = (/** @type {string} */ textContent, /** @type {() => void} */ onclick) =>
    make("button", { type: "button", textContent, onclick });
  shown.replaceChildren(
    make("span", { textContent: words }),
    ...(label ? [button(label, act)] : []),
    button(t("Close"), hide),
  );
  shown.hidden = false;
  shown.onpointerenter = shown.onfocus = () => clearTimeout(timer);
  shown.onpointerleave = wait;
  wait();
  announce(words + (label ? ` ${t("{label} is offered at the end of the page.", { label })}` : ""));
}
