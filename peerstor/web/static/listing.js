import { find } from "./elements.js";

/** Show times as the reader's clock has them. */
export function localise() {
  for (const time of document.querySelectorAll("#listing time")) {
    const moment = new Date(time.getAttribute("datetime") ?? "");
    if (!Number.isNaN(moment.getTime())) {
      time.textContent = inWords(moment);
    }
  }
  const zone = document.getElementById("zone");
  if (zone) {
    zone.textContent = `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
  }
}

/** Take the rows of the folder anew, leaving the rest of the page (running uploads, above all) as it is. */
export async function refresh() {
  const answer = await fetch(globalThis.location.href, { headers: { Accept: "text/html" }, cache: "no-cache" });
  if (!answer.ok) {
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const listing = find(document, "#listing", HTMLElement);
  const held = listing.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
  listing.replaceChildren(...find(fresh, "#listing", HTMLElement).childNodes);
  localise();
  if (held) {
    /** @type {HTMLElement | null} */ (listing.querySelector(`a[href="${CSS.escape(held)}"]`))?.focus();
  }
}

/** @param {Date} moment */
function inWords(moment) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const day = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  return `${day} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
}
