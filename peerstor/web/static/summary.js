import { announce, find, setText, showButtons } from "./elements.js";
import { Progress } from "./progress.js";
import { flowInWords } from "./standing.js";
import { milestones } from "./tally.js";
import { filesInWords } from "./words.js";

/** @import { Tally } from "./tally.js" */

/**
 * Give a function that shows all uploads together: on the page where they are several, in its title, and aloud.
 *
 * @param {HTMLElement} element
 * @param {Record<string, () => void>} deeds what the buttons do
 * @returns {(now: Tally) => void}
 */
export function summary(element, deeds) {
  const { title } = document;
  const progress = new Progress();
  const milestone = milestones();
  element.addEventListener("click", ({ target }) => {
    deeds[(target instanceof HTMLElement && target.dataset.order) || ""]?.();
  });
  return (now) => {
    const { files, done, moving, paused, failed, waiting, sent, size, percent } = now;
    if (!moving || waiting) {
      progress.restart();
    }
    progress.note(sent);
    document.title = moving ? `${percent} % · ${title}` : title;
    element.hidden = files < 2;
    find(element, "progress", HTMLProgressElement).value = percent / 100;
    setText(find(element, ".upload-name", HTMLElement), `${done.toLocaleString("en")} of ${filesInWords(files)}`);
    const words = [
      `${percent} %`,
      ...flowInWords(sent, size, progress),
      paused && `${paused} paused`,
      failed.length && `${failed.length} not uploaded`,
      waiting?.message,
    ];
    setText(find(element, ".upload-words", HTMLElement), words.filter(Boolean).join(" · "));
    showButtons(element, [
      moving ? "pause" : paused ? "resume" : "",
      failed.some(({ state }) => state === "stopped") ? "retry" : "",
      files > done ? "cancel" : "close",
    ]);
    const said = milestone(now);
    if (said) {
      announce(said);
    }
  };
}
