import { announce, find } from "./elements.js";
import { t } from "./texts.js";
import { filesInWords, visible } from "./words.js";

/** @import { Upload } from "./upload.js" */

/** @typedef {"refuse" | "rename" | "replace"} Conflict what the server is to do where the name is taken */

/** @typedef {"rename" | "replace" | "skip"} Answer what becomes of files whose names are taken */

/**
 * @typedef {object} Lot what was chosen at one time
 * @property {boolean} [again] whether an earlier visit had begun to upload it
 * @property {Answer} [answer] for those of it whose names are taken, once there is one
 */

/**
 * Give a function that asks once, for all together, what is to become of files whose names are taken.
 *
 * @returns {(upload: Upload) => void}
 */
export function conflicts() {
  const dialog = find(document, "#taken", HTMLDialogElement);
  /** @type {Upload[]} */
  let asked = [];
  dialog.onclose = () => {
    const answer = /** @type {Answer} */ (dialog.returnValue || "skip"); // Escape loses nothing that is there
    const all = asked;
    asked = [];
    for (const upload of all) {
      upload.lot.answer = answer;
      upload.settle(answer);
    }
    if (answer === "skip") {
      announce(t("{files} skipped.", { files: filesInWords(all.length) }));
    }
  };
  return (upload) => {
    const { answer } = upload.lot;
    if (answer) {
      upload.settle(answer);
      return;
    }
    const count = asked.push(upload);
    find(dialog, "h2").textContent =
      count === 1
        ? t("“{name}” is there already.", { name: visible(upload.label) })
        : t("{files} are there already.", { files: filesInWords(count) });
    if (!dialog.open) {
      dialog.returnValue = "";
      dialog.showModal();
    }
  };
}
