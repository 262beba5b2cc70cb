import { copyOf, find, setText, showButtons } from "./elements.js";
import { inWords } from "./standing.js";
import { t } from "./texts.js";
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

/** Have the buttons in an element give their orders. @param {HTMLElement} element @param {(order: string) => void} to */
export const obey = (element, to) =>
  element.addEventListener("click", ({ target }) => {
    if (target instanceof HTMLElement && target.dataset.order) {
      to(target.dataset.order);
    }
  });

/**
 * Make what shows one upload and takes the orders for it.
 *
 * @param {Upload} upload
 * @param {(order: string) => void} order
 */
export function card(upload, order) {
  const element = copyOf("card");
  const bar = find(element, "progress", HTMLProgressElement);
  const words = find(element, ".upload-words");
  const name = visible(upload.label);
  find(element, ".upload-name").textContent = name;
  element.ariaLabel = t("Upload of {name}", { name });
  bar.ariaLabel = t("Progress of {name}", { name });
  obey(element, order);

  /** Show the upload as it is now. */
  function show() {
    const { state, size, sent } = upload;
    const before = element.dataset.state;
    element.dataset.state = state;
    bar.value = size ? sent / size : Number(state === "done");
    if (state !== "done") {
      setText(words, inWords(upload));
    } else if (before !== state) {
      words.replaceChildren(...stored(upload));
    }
    showButtons(element, BUTTONS[state]);
  }
  return { element, show };
}

/** Say where an upload is stored. @param {Upload} upload @returns {(string | Node)[]} */
function stored({ stored, size, name }) {
  const got = stored?.path.split("/").at(-1) ?? name;
  const link = document.createElement(stored?.href ? "a" : "span");
  link.setAttribute("href", stored?.href ?? "");
  link.append(Object.assign(document.createElement("bdi"), { textContent: visible(got) }));
  const values = { name: "\0", size: sizeInWords(size) };
  const said =
    got === name
      ? t("Stored: {name} ({size})", values)
      : t("The name was taken. Stored as {name} ({size})", values);
  const [before = "", behind = ""] = said.split("\0");
  return [before, link, behind];
}
