import { announce, setText } from "./elements.js";
import { frame } from "./frame.js";
import { measure } from "./progress.js";
import { flowInWords } from "./standing.js";
import { milestones } from "./tally.js";
import { t } from "./texts.js";
import { filesInWords } from "./words.js";

/** @import { Tally } from "./tally.js" */

/**
 * Give a function that shows all uploads together: on the page where they are several, in its title, and aloud.
 *
 * @param {HTMLElement} element
 * @param {(order: string, states: string[]) => void} order
 * @returns {(now: Tally) => void}
 */
export function summary(element, order) {
  const { title } = document;
  const { name, bar, words, offer } = frame(element, order);
  const progress = measure();
  const milestone = milestones();
  return (now) => {
    const { files, done, moving, paused, failed, waiting, sent, size, percent } = now;
    if (!moving || waiting) {
      progress.restart();
    }
    progress.note(sent);
    document.title = moving ? `${percent} % · ${title}` : title;
    element.hidden = files < 2;
    bar.value = percent / 100;
    setText(name, t("{some} of {all}", { some: done, all: filesInWords(files) }));
    const parts = [
      `${percent} %`,
      ...flowInWords(sent, size, progress.speed),
      paused && t("{n} paused", { n: paused }),
      failed.length && t("{n} not uploaded", { n: failed.length }),
      waiting?.message,
    ];
    setText(words, parts.filter(Boolean).join(" · "));
    offer(
      moving ? "moving" : paused ? "paused" : "",
      files > done ? "unfinished" : "done",
      failed.some(({ state }) => state === "stopped") ? "stopped" : "",
    );
    const said = milestone(now);
    if (said) {
      announce(said);
    }
  };
}
