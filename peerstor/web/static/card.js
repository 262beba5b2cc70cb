import { copyOf, make, setText } from "./elements.js";
import { frame } from "./frame.js";
import { inWords } from "./standing.js";
import { t } from "./texts.js";
import { sizeInWords, visible } from "./words.js";

/** @import { Upload } from "./upload.js" */

/** Make what shows one upload and takes the orders for it. @param {Upload} upload @param {HTMLElement} list of all */
export function card(upload, list) {
  const element = copyOf("card");
  const { name, bar, words, offer } = frame(element, (order) => upload.orders[order]?.());
  const values = { name: visible(upload.label) };
  name.textContent = values.name;
  element.ariaLabel = t("Upload of {name}", values);
  bar.ariaLabel = t("Progress of {name}", values);
  list.append(element);

  /** Show the upload as it is now. */
  function show() {
    const { state, size, sent } = upload;
    bar.value = sent / size || Number(state === "done");
    if (state !== "done") {
      setText(words, inWords(upload));
    } else if (element.dataset.state !== state) {
      words.replaceChildren(...stored(upload));
    }
    element.dataset.state = state;
    offer(state);
  }
  return { element, show };
}

/** Say where an upload is stored. @param {Upload} upload @returns {(string | Node)[]} */
function stored({ stored, size, name }) {
  const got = stored?.path?.split("/").at(-1) ?? name;
  const bare = make("bdi", { textContent: visible(got) });
  const link = stored?.href ? make("a", { href: stored.href }, bare) : bare;
  const values = { name: "\0", size: sizeInWords(size) };
  const [before = "", behind = ""] = (
    got === name
      ? t("Stored: {name} ({size})", values)
      : t("The name was taken. Stored as {name} ({size})", values)
  ).split("\0");
  return [before, link, behind];
}
