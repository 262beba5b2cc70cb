import { BASE } from "./base.js";
import { listing, pages } from "./listing.js";
import { insist } from "./resumable.js";
import { send } from "./transport.js";

/** Which names are taken in the folders that uploads go to. @type {Map<string, Promise<Set<string>>>} */
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
 * @returns {Promise<Set<string>>} the names that are taken in it, as far as they are known
 * @throws {import("./transport.js").Refusal}
 */
export function namesIn(base, folder) {
  const names = known.get(folder) ?? (folder === base ? listed() : made(base, folder));
  known.set(folder, names);
  names.catch(() => forget(folder));
  return names;
}

const listed = async () => new Set(listing?.items.map(({ name }) => name));

/**
 * @param {string} base
 * @param {string} folder
 */
async function made(base, folder) {
  const [above = "", name = ""] = /^(.*\/)([^/]+)\/$/.exec(folder)?.slice(1) ?? [];
  if (!(await namesIn(base, above)).has(decodeURIComponent(name))) {
    try {
      await insist(() => send({ url: `${BASE}/api/folder?path=${folder}` }));
      return new Set();
    } catch (/** @type {any} */ error) {
      if (error.code !== "exists") {
        throw error;
      }
    }
  }
  const entries = await pages(`${BASE}/-/tree${folder}`).catch(() => []); // the server says no
  return new Set(entries.map(({ name }) => name));
}
