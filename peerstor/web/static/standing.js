import { t } from "./texts.js";
import { Refusal } from "./transport.js";
import { agoInWords, durationInWords, percent, sizeInWords } from "./words.js";

/** @import { Upload } from "./upload.js" */

/** Say where an upload stands. @param {Upload} upload */
export function inWords({ state, size, sent, message, progress: { speed } }) {
  const share = `${percent(sent, size)} %`;
  if (state === "sending") {
    return [share, ...flowInWords(sent, size, speed)].join(" · ");
  }
  return state === "waiting" || (state === "queued" && sent) ? `${share} · ${message}` : message;
}

/**
 * Say how much has gone, how fast, and how long the rest will take, as far as that is known.
 *
 * @param {number} sent bytes
 * @param {number} size bytes
 * @param {number} speed bytes a second
 */
export function flowInWords(sent, size, speed) {
  const far = t("{some} of {all}", { some: sizeInWords(sent), all: sizeInWords(size) });
  return speed
    ? [far, `${sizeInWords(speed)}/s`, t("{time} left", { time: durationInWords((size - sent) / speed) })]
    : [far];
}

/** Say what stopped an upload, and what can be done about it: the page has that for each code. @param {unknown} error */
export function stopInWords(error) {
  if (error instanceof Refusal) {
    const { said, code, status } = error;
    const way = document.getElementById(`way-${code || status}`) ?? document.querySelector("#ways-out p");
    return `${said} ${way?.textContent}`;
  }
  if (error instanceof DOMException) {
    return t("The file has changed or can no longer be read. Choose it again.");
  }
  console.error(error);
  return t("Something went wrong in this page. Reload it and choose the file again.");
}

/** Say why an upload waits, and that nothing has to be done about it. @param {Refusal} no */
export function waitInWords({ status, said }) {
  return status
    ? `${said} ${t("Trying again…")}`
    : navigator.onLine
      ? t("The connection is lost. Trying again… Leave this page open.")
      : t("You are offline. This goes on when the network is back. Leave this page open.");
}

/** Say that another upload of the same name is there, and ask what to do. @param {Refusal} no */
export const otherInWords = ({ offset = 0, age }) =>
  t(
    "A different file of this name was begun{ago} and is not finished ({size} have arrived). Throw that one away and upload this file instead?",
    {
      ago: age === undefined ? "" : ` ${agoInWords(new Date(Date.now() - age * 1000))}`,
      size: sizeInWords(offset),
    },
  );
