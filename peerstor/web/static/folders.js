import { BASE } from "./base.js";
import { listing, pages } from "./listing.js";
import { insist } from "./resumable.js";
import { send } from "./transport.js";

/** @import { Told } from "./transport.js" */

/** Which names are taken in the folders that uploads go to, and by what. @type {Map<string, Promise<Map<string, Told>>>} */
const known = new Map();

/** Have a folder, or all, be looked at, and where it must be made, anew. @param {string} [folder] */
export const forget = (folder) => (folder ? known.delete(folder) : known.clear());

/**
 * Percent-encode a path as the server does in its links.
 *
 * @param {string} path
 */
export function encoded(path) {
  return encodeURIComponent(path)
    .replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%2F", "/");
}

/**
 * Have a folder be there.
 *
 * @param {string} base the page's folder, percent-encoded
 * @param {string} folder the same or one below
 * @param {boolean} [exact] whether sizes and times are needed of what is in the page's folder, too
 * @returns {Promise<Map<string, Told>>} what is in it by its name, as far as that is known
 * @throws {import("./transport.js").Refusal}
 */
export function namesIn(base, folder, exact) {
  const names =
    known.get(folder) ??
    (folder === base && !exact ? Promise.resolve(byName(listing?.items)) : made(base, folder, exact));
  known.set(folder, names);
  names.catch(() => forget(folder));
  return names;
}

/** @param {import("./rows.js").Item[]} [items] @returns {Map<string, Told>} */
const byName = (items = []) => new Map(items.map((item) => [item.name, item]));

/**
 * @param {string} base
 * @param {string} folder
 * @param {boolean} [exact]
 */
async function made(base, folder, exact) {
  const [, above = "", name = ""] = /^(.*\/)([^/]+)\/$/.exec(folder) ?? [];
  if (folder !== base && !(await namesIn(base, above, exact)).has(decodeURIComponent(name))) {
    try {
      await insist(() => send({ url: `${BASE}/api/folder?path=${folder}` }));
      return byName();
    } catch (/** @type {any} */ error) {
      if (error.code !== "exists") {
        throw error;
      }
    }
  }
  return byName(await pages(`${BASE}/-/tree${folder}`).catch(() => [])); // the server says no
}
