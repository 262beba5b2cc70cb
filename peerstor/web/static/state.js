import { BASE } from "./base.js";
import { announce, find, make } from "./elements.js";
import { t } from "./texts.js";

let said = "";

/**
 * Say what is wrong between the page and the server, for as long as it is, and the way out.
 *
 * @param {number} status of the last answer; 0 where none came
 */
export function state(status) {
  const next = encodeURIComponent(location.pathname + location.search);
  const known = /** @type {Record<number, string[]>} */ ({
    200: [""],
    401: [t("You are signed out."), t("Sign in"), `${BASE}/-/login?next=${next}`],
    404: [t("This folder is gone, or not for you to see."), t("Go up"), ".."],
  });
  const otherwise = navigator.onLine
    ? t("The server doesn’t answer. Trying again…")
    : t("You are offline. What you see is as it was.");
  const [words = otherwise, label, href = ""] = known[status] ?? [];
  if (words !== said) {
    said = words;
    const bar = find(document, "#state");
    bar.replaceChildren(words, " ", ...(label ? [make("a", { textContent: label, href })] : []));
    bar.hidden = !words;
    announce(words || t("Connected again."));
  }
}

/**
 * Have another of our pages, to take from it what is wanted.
 *
 * @param {string} address
 * @throws {TypeError} no answer came
 */
export async function pageAt(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-cache" });
  if (answer.status === 401 || answer.redirected) {
    state(401); // the session has ended
  }
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}
