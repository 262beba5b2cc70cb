import { Refusal } from "./calls.js";
import { durationInWords, percent, sizeInWords } from "./words.js";

/** @import { Progress } from "./progress.js" */
/** @import { Upload } from "./upload.js" */

/** Say where an upload stands. @param {Upload} upload @returns {string} */
export function inWords({ state, size, sent, message, other: { offset, age }, progress }) {
  const share = `${percent(sent, size)} %`;
  switch (state) {
    case "queued":
      return sent ? `${share} · Waiting for its turn` : "Waiting for its turn";
    case "reading":
      return "Getting ready…";
    case "waiting":
      return `${share} · ${message}`;
    case "finishing":
      return "All sent. The server is storing it…";
    case "paused":
      return `Paused at ${share}`;
    case "asking":
      return `A different file of this name was begun${age === null ? "" : ` ${durationInWords(age)} ago`} and is not finished (${sizeInWords(offset)} have arrived). Throw that one away and upload this file instead?`;
    case "taken":
      return "There is a file of this name already.";
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
  const pace = speed && left !== null ? [`${sizeInWords(speed)}/s`, `${durationInWords(left)} left`] : [];
  return [`${sizeInWords(sent)} of ${sizeInWords(size)}`, ...pace];
}

/** Say what stopped an upload, and what can be done about it: the page has that for each code. @param {Refusal} no */
export function refusalInWords({ message, code, status }) {
  const ways = [...document.querySelectorAll("#ways-out p")];
  const way = ways.find((each) => each.id === `way-${code || status}`) ?? ways[0];
  return `${message} ${way?.textContent}`;
}

/** Say why an upload waits, and that nothing has to be done about it. @param {Error} error */
export function waitInWords(error) {
  if (error instanceof Refusal) {
    return `${error.message} Trying again…`;
  }
  return navigator.onLine
    ? "The connection is lost. Trying again… Leave this page open."
    : "You are offline. This goes on when the network is back. Leave this page open.";
}
