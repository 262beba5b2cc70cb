import { Refusal } from "./calls.js";
import { t } from "./texts.js";
import { agoInWords, durationInWords, percent, sizeInWords } from "./words.js";

/** @import { Progress } from "./progress.js" */
/** @import { Upload } from "./upload.js" */

/** Say where an upload stands. @param {Upload} upload @returns {string} */
export function inWords({ state, size, sent, message, other: { offset, age }, progress }) {
  const share = `${percent(sent, size)} %`;
  switch (state) {
    case "queued":
      return (sent ? `${share} · ` : "") + t("Waiting for its turn");
    case "reading":
      return t("Getting ready…");
    case "waiting":
      return `${share} · ${message}`;
    case "finishing":
      return t("All sent. The server is storing it…");
    case "paused":
      return t("Paused at {share}", { share });
    case "asking":
      return t(
        "A different file of this name was begun{ago} and is not finished ({size} have arrived). Throw that one away and upload this file instead?",
        {
          ago: age === null ? "" : ` ${agoInWords(new Date(Date.now() - age * 1000))}`,
          size: sizeInWords(offset),
        },
      );
    case "taken":
      return t("There is a file of this name already.");
    case "stopped":
      return message;
    default:
      return [share, ...flowInWords(sent, size, progress)].join(" · ");
  }
}

/**
 * Say how much has gone, how fast, and how long the rest will take, as far as that is known.
 *
 * @param {number} sent bytes
 * @param {number} size bytes
 * @param {Progress} progress
 */
export function flowInWords(sent, size, progress) {
  const { speed } = progress;
  const left = progress.left(size);
  const far = t("{some} of {all}", { some: sizeInWords(sent), all: sizeInWords(size) });
  return speed && left !== null
    ? [far, `${sizeInWords(speed)}/s`, t("{time} left", { time: durationInWords(left) })]
    : [far];
}

/** Say what stopped an upload, and what can be done about it: the page has that for each code. @param {Refusal} no */
export function refusalInWords({ said, code, status }) {
  const way = document.getElementById(`way-${code || status}`) ?? document.querySelector("#ways-out p");
  return `${said} ${way?.textContent}`;
}

/** Say why an upload waits, and that nothing has to be done about it. @param {Error} error */
export function waitInWords(error) {
  return error instanceof Refusal
    ? `${error.said} ${t("Trying again…")}`
    : navigator.onLine
      ? t("The connection is lost. Trying again… Leave this page open.")
      : t("You are offline. This goes on when the network is back. Leave this page open.");
}
