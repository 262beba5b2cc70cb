import { obey } from "./card.js";
import { announce, find, setText, showButtons } from "./elements.js";
import { Progress } from "./progress.js";
import { flowInWords } from "./standing.js";
import { milestones } from "./tally.js";
import { t } from "./texts.js";
import { filesInWords } from "./words.js";

/** @import { Tally } from "./tally.js" */

/**
 * Give a function that shows all uploads together: on the page where they are several, in its title, and aloud.
 *
 * @param {HTMLElement} element
 * @param {(order: string) => void} order
 * @returns {(now: Tally) => void}
 */
export function summary(element, order) {
  const { title } = document;
  const progress = new Progress();
  const milestone = milestones();
  obey(element, order);
  return (now) => {
    const { files, done, moving, paused, failed, waiting, sent, size, percent } = now;
    if (!moving || waiting) {
      progress.restart();
    }
    progress.note(sent);
    document.title = moving ? `${percent} % · ${title}` : title;
    element.hidden = files < 2;
    find(element, "progress", HTMLProgressElement).value = percent / 100;
    const far = t("{some} of {all}", { some: done, all: filesInWords(files) });
    setText(find(element, ".upload-name"), far);
    const words = [
      `${percent} %`,
      ...flowInWords(sent, size, progress),
      paused && t("{n} paused", { n: paused }),
      failed.length && t("{n} not uploaded", { n: failed.length }),
      waiting?.message,
    ];
    setText(find(element, ".upload-words"), words.filter(Boolean).join(" · "));
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
