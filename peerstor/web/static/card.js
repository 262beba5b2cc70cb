import { announce, copyOf, find } from "./elements.js";
import { durationInWords, percent, sizeInWords, visible } from "./words.js";

/** @import { State, Upload } from "./upload.js" */

/** Which buttons make sense when. */
const BUTTONS = /** @type {Record<State, string[]>} */ ({
  queued: ["pause", "cancel"],
  reading: ["cancel"],
  sending: ["pause", "cancel"],
  waiting: ["pause", "cancel"],
  finishing: [],
  paused: ["resume", "cancel"],
  asking: ["discard", "keep"],
  stopped: ["retry", "cancel"],
  done: ["close"],
  cancelled: [],
});

/** Shares of a file, in percent, at which assistive technology says how far it is. */
const MILESTONES = [25, 50, 75];

/** @typedef {{ again: () => void, discard: () => void, pause: () => void, cancel: () => void, close: () => void }} Deeds */

/** Shows one upload and takes the orders for it. */
export class Card {
  #upload;
  #said = /** @type {State | null} */ (null);
  #milestone = 0;

  /**
   * @param {Upload} upload
   * @param {Deeds} deeds what the buttons do
   */
  constructor(upload, deeds) {
    this.#upload = upload;
    this.element = copyOf("card");
    const name = visible(upload.name);
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
    this.element.dataset.state = state;
    this.#bar.value = size === 0 ? Number(state === "done") : sent / size;
    if (state === "done") {
      this.#showStored();
    } else {
      setText(this.#words, this.#inWords());
    }
    this.#showButtons();
    this.#say();
  }

  get #bar() {
    return find(this.element, "progress", HTMLProgressElement);
  }

  get #words() {
    return find(this.element, ".upload-words", HTMLElement);
  }

  /** @returns {string} */
  #inWords() {
    const { state, size, sent, message, other } = this.#upload;
    const share = `${percent(sent, size)} %`;
    switch (state) {
      case "queued":
        return sent ? `${share} · Waiting for its turn` : "Waiting for its turn";
      case "reading":
        return "Looking at the file…";
      case "waiting":
        return `${share} · ${message || "The connection is lost."} Trying again…`;
      case "finishing":
        return "All sent. The server is storing it…";
      case "paused":
        return `Paused at ${share}`;
      case "asking":
        return question(other.offset, other.age);
      case "stopped":
        return message;
      default:
        return [share, `${sizeInWords(sent)} of ${sizeInWords(size)}`, ...this.#pace()].join(" · ");
    }
  }

  /** @returns {string[]} */
  #pace() {
    const { speed } = this.#upload.progress;
    const left = this.#upload.progress.left(this.#upload.size);
    if (speed === null || left === null) {
      return [];
    }
    return [`${sizeInWords(speed)}/s`, `${durationInWords(left)} left`];
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

  #showButtons() {
    const shown = BUTTONS[this.#upload.state];
    const held = this.element.contains(document.activeElement);
    for (const button of this.element.querySelectorAll("button")) {
      button.hidden = !shown.includes(button.dataset.order ?? "");
    }
    if (held && !this.element.contains(document.activeElement)) {
      /** @type {HTMLElement | null} */ (this.element.querySelector("button:not([hidden])"))?.focus();
    }
  }

  #say() {
    const { state, size, sent, message, other } = this.#upload;
    const name = visible(this.#upload.name);
    if (state !== this.#said && !(this.#said === "waiting" && state === "sending")) {
      const sentences = /** @type {Partial<Record<State, string>>} */ ({
        sending: `Uploading ${name}.`,
        waiting: `${name}: ${message || "The connection is lost."} Trying again.`,
        paused: `${name} is paused.`,
        asking: `${name}: ${question(other.offset, other.age)}`,
        stopped: `${name} was not uploaded. ${message}`,
        done: `${name} is uploaded.`,
        cancelled: `The upload of ${name} is cancelled.`,
      });
      if (sentences[state]) {
        announce(sentences[state]);
      }
      this.#said = state;
    }
    const reached = MILESTONES.findLast((share) => percent(sent, size) >= share) ?? 0;
    if (state === "sending" && reached > this.#milestone) {
      this.#milestone = reached;
      announce(`${name}: ${reached} %.`);
    }
  }
}

/**
 * @param {number} offset bytes of the other upload
 * @param {number | null} age seconds since it was begun
 */
function question(offset, age) {
  const when = age === null ? "" : ` ${durationInWords(age)} ago`;
  return (
    `A different file of this name was begun${when} and is not finished (${sizeInWords(offset)} have arrived). ` +
    "Throw that one away and upload this file instead?"
  );
}

/**
 * @param {Element} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}
