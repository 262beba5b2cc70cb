import { announce, find } from "./elements.js";
import { t } from "./texts.js";
import { filesInWords, visible } from "./words.js";

/** @import { Upload } from "./upload.js" */

/** @typedef {"refuse" | "rename" | "replace"} Conflict what the server is to do where the name is taken */

/**
 * @typedef {{ answer: string }} Lot what was chosen at one time, and what becomes of those of it whose names are taken:
 *   `rename`, `replace` or `skip`; empty while unasked
 */

/**
 * Give a function that asks once, for all together, what is to become of files whose names are taken.
 *
 * @param {(upload: Upload, answer: string) => void} settle told for each
 * @returns {(upload: Upload) => void}
 */
export function conflicts(settle) {
  const asked = /** @type {Set<Upload>} */ (new Set());
  const dialog = find(document, "#taken", HTMLDialogElement);
  dialog.addEventListener("close", () => {
    const all = [...asked];
    asked.clear();
    for (const upload of all) {
      upload.lot.answer = dialog.returnValue;
      settle(upload, dialog.returnValue);
    }
    if (dialog.returnValue === "skip") {
      announce(t("{files} skipped.", { files: filesInWords(all.length) }));
    }
  });
  return (upload) => {
    if (upload.lot.answer) {
      settle(upload, upload.lot.answer);
      return;
    }
    asked.add(upload);
    find(dialog, "h2").textContent =
      asked.size === 1
        ? t("“{name}” is there already.", { name: visible(upload.label) })
        : t("{files} are there already.", { files: filesInWords(asked.size) });
    if (!dialog.open) {
      dialog.returnValue = "skip"; // so that Escape loses nothing that is there
      dialog.showModal();
    }
  };
}
