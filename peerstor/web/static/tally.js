import { t } from "./texts.js";
import { filesInWords, percent, visible } from "./words.js";

/** @import { State, Upload } from "./upload.js" */

/** States in which an upload is on its way by itself. @type {State[]} */
export const MOVING = ["queued", "reading", "sending", "waiting", "finishing"];

/** States in which it is not stored, and will not be by itself. @type {State[]} */
export const FAILED = ["stopped", "asking", "taken"];

/** Percentages of all uploads together at which assistive technology says how far they are: not too often. */
const MARKS = [25, 50, 75];

/** @typedef {ReturnType<typeof tally>} Tally */

/** Tell how far all uploads together are. @param {Iterable<Upload>} uploads */
export function tally(uploads) {
  const all = [...uploads];
  const those = (/** @type {State[]} */ ...states) => all.filter(({ state }) => states.includes(state));
  const sum = (/** @type {(upload: Upload) => number} */ of) => all.reduce((total, each) => total + of(each), 0);
  const done = those("done").length;
  const [waiting] = those("sending", "finishing").length ? [] : those("waiting");
  const size = sum((each) => each.size);
  const sent = sum((each) => each.sent);
  return {
    files: all.length,
    done,
    moving: those(...MOVING).length,
    paused: those("paused").length,
    failed: those(...FAILED),
    /** One that waits for the network or the server, where nothing else moves. */
    waiting,
    sent,
    size,
    /** Each file counts for a byte more than it has, so that empty ones do. */
    percent: percent(sent + done, size + all.length),
  };
}

/** Give a function that tells what has become worth saying aloud since it was asked last; empty for nothing. */
export function milestones() {
  let [moved, failures, waited, reached] = [0, 0, false, 0];
  return (/** @type {Tally} */ { files, done, moving, failed, waiting, percent: now }) => {
    const mark = moving ? (MARKS.findLast((each) => now >= each) ?? 0) : 0;
    const last = failed.at(-1);
    const others = failed.length - failures - 1;
    const said = [];
    const share = { mark, files: filesInWords(files) };
    if (last && others >= 0) {
      const values = { name: visible(last.label), why: last.message, files: filesInWords(others) };
      said.push(
        others
          ? t("Not uploaded: {name} (and {files} more). {why}", values)
          : t("Not uploaded: {name}. {why}", values),
      );
    }
    if (waiting && !waited) {
      said.push(waiting.message);
    }
    if (moving && !moved) {
      said.push(t("Uploading {files}.", share));
    } else if (mark > reached) {
      said.push(t("{mark} % of {files} uploaded.", share));
    } else if (moved && !moving && done) {
      said.push(t("{files} uploaded.", { files: filesInWords(done) }));
    }
    [moved, failures, waited, reached] = [moving, failed.length, Boolean(waiting), mark];
    return said.join(" ");
  };
}
