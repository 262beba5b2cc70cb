import { BASE } from "./base.js";

/** The address of the share whose page this is; nothing on pages of the storage itself. */
const share = globalThis.document?.getElementById("uploads")?.dataset.share;

/** What the addresses of the upload API's calls begin with. */
export const CALLS = share ? `${share}/upload/` : `${BASE}/api/upload/`;

/** Name a folder in a call; a share has only one. @param {string} folder percent-encoded as in links */
export const place = (folder) => (share ? "" : `dir=${folder}&`);

/** Give what somebody writes beside the files that they send through a share, as the end of a call does. */
export function words() {
  if (!share) {
    return "";
  }
  const fields = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("#sender, #note"));
  return `&${new URLSearchParams(Array.from(fields, ({ name, value }) => [name, value.trim()]))}`;
}
