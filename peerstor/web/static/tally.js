import { inWords } from "./standing.js";
import { t } from "./texts.js";
import { filesInWords, percent, visible } from "./words.js";

/** @import { State, Upload } from "./upload.js" */

/** States in which an upload is on its way by itself. */
export const MOVING = new Set(/** @type {State[]} */ (["queued", "reading", "sending", "waiting", "finishing"]));

/** States in which it is not stored, and will not be by itself. */
export const FAILED = new Set(/** @type {State[]} */ (["stopped", "asking", "taken"]));

/** Percentages of all uploads together at which assistive technology says how far they are: not too often. */
const MARKS = [25, 50, 75];

/** @typedef {ReturnType<typeof tally>} Tally */

/** Tell how far all uploads together are. @param {Upload[]} all */
export function tally(all) {
  const those = (/** @type {(state: State) => boolean} */ which) => all.filter(({ state }) => which(state));
  const sum = (/** @type {(upload: Upload) => number} */ of) => all.reduce((total, each) => total + of(each), 0);
  const done = those((state) => state === "done").length;
  const flowing = those((state) => state === "sending" || state === "finishing").length;
  const [waiting] = flowing ? [] : those((state) => state === "waiting");
  const size = sum((each) => each.size);
  const sent = sum((each) => each.sent);
  return {
    files: all.length,
    done,
    moving: those((state) => MOVING.has(state)).length,
    paused: those((state) => state === "paused").length,
    failed: those((state) => FAILED.has(state)),
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
    const [last] = failed.slice(-1);
    const said = [];
    if (last && failed.length > failures) {
      const others = failed.length - failures - 1;
      const values = { name: visible(last.label), why: inWords(last), files: filesInWords(others) };
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
      said.push(t("Uploading {files}.", { files: filesInWords(files) }));
    } else if (mark > reached) {
      said.push(t("{mark} % of {files} uploaded.", { mark, files: filesInWords(files) }));
    } else if (moved && !moving && done) {
      said.push(t("{files} uploaded.", { files: filesInWords(done) }));
    }
    [moved, failures, waited, reached] = [moving, failed.length, Boolean(waiting), mark];
    return said.join(" ");
  };
}
