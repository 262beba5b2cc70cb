import { copyOf, find, setText, showButtons } from "./elements.js";
import { inWords } from "./standing.js";
import { sizeInWords, visible } from "./words.js";

/** @import { State, Upload } from "./upload.js" */

/** Which buttons make sense when. */
const BUTTONS = /** @type {Record<State, string[]>} */ ({
  queued: ["pause", "cancel"],
  reading: ["pause", "cancel"],
  sending: ["pause", "cancel"],
  waiting: ["pause", "cancel"],
  finishing: [],
  paused: ["resume", "cancel"],
  asking: ["discard", "keep"],
  taken: ["cancel"],
  stopped: ["retry", "cancel"],
  done: ["close"],
  cancelled: [],
});

/** @typedef {{ again: () => void, discard: () => void, pause: () => void, cancel: () => void, close: () => void }} Deeds */

/** Shows one upload and takes the orders for it. */
export class Card {
  #upload;

  /**
   * @param {Upload} upload
   * @param {Deeds} deeds what the buttons do
   */
  constructor(upload, deeds) {
    this.#upload = upload;
    this.element = copyOf("card");
    const name = visible(upload.label);
    this.element.setAttribute("aria-label", `Upload of ${name}`);
    find(this.element, ".upload-name", HTMLElement).textContent = name;
    this.#bar.setAttribute("aria-label", `Progress of ${name}`);
    const orders = { ...deeds, resume: deeds.again, retry: deeds.again, keep: deeds.cancel };
    for (const [order, deed] of Object.entries(orders)) {
      this.element.querySelector(`[data-order="${order}"]`)?.addEventListener("click", deed);
    }
  }

  /** Show the upload as it is now. */
  show() {
    const { state, size, sent } = this.#upload;
    const before = this.element.dataset.state;
    this.element.dataset.state = state;
    this.#bar.value = size === 0 ? Number(state === "done") : sent / size;
    if (state !== "done") {
      setText(this.#words, inWords(this.#upload));
    } else if (before !== state) {
      this.#showStored();
    }
    showButtons(this.element, BUTTONS[state]);
  }

  get #bar() {
    return find(this.element, "progress", HTMLProgressElement);
  }

  get #words() {
    return find(this.element, ".upload-words", HTMLElement);
  }

  #showStored() {
    const { stored, size, name } = this.#upload;
    const link = document.createElement(stored?.href ? "a" : "span");
    if (link instanceof HTMLAnchorElement) {
      link.href = stored?.href ?? "";
    }
    const got = stored?.path.split("/").at(-1) ?? name;
    link.append(Object.assign(document.createElement("bdi"), { textContent: visible(got) }));
    this.#words.replaceChildren(
      got === name ? "Stored: " : "The name was taken. Stored as ",
      link,
      ` (${sizeInWords(size)})`,
    );
  }
}
