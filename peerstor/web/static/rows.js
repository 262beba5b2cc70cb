import { BASE } from "./base.js";
import { copyOf, find, make } from "./elements.js";
import { t } from "./texts.js";
import { agoInWords, exactly, sizeInWords, visible } from "./words.js";

/**
 * @typedef {object} Item an entry of the listing
 * @property {string} href as the server spells it, exact to the byte
 * @property {string} name as it is shown
 * @property {HTMLTableRowElement | null} row what shows it, if anything does
 * @property {number | null} [size] bytes; null for a folder
 * @property {number} [mtime] seconds since the epoch
 */

/** Characters of a name that may not all be seen. */
const LONG = 60;

/** @param {Item} item */
export const isFolder = ({ href }) => href.endsWith("/");

/** The last segment of an entry's address, with the `/` of a folder. @param {Item} item */
export const segment = ({ href }) => href.slice(href.lastIndexOf("/", href.length - 2) + 1);

/** The same without that `/`. @param {Item} item */
export const encodedName = (item) => segment(item).replace("/", "");

/** The path of an entry as the API takes it, exact to the byte. @param {{ href: string }} item */
export const pathOf = ({ href }) => href.slice(BASE.length).replace(/^\/-\/tree\//, "/");

/** Where an entry is downloaded from. @param {Item} item */
export const downloadOf = (item) => item.href + (isFolder(item) ? "?archive=zip" : "?download");

/** The name of an entry; as far as it is no UTF-8, as it is shown. @param {Item} item */
export function nameOf(item) {
  try {
    return decodeURIComponent(encodedName(item));
  } catch {
    return item.name;
  }
}

/** Read what a row of the server's shows. @param {HTMLTableRowElement} row @returns {Item} */
export function itemOf(row) {
  const link = find(row, "th a");
  return { href: link.getAttribute("href") ?? "", name: find(link, "bdi").textContent ?? "", row };
}

/**
 * Make a row as the server makes them, of what it gives for that.
 *
 * @param {Item} item
 * @param {string | undefined} page what the address of an entry's own page begins with
 */
export function rowOf(item, page) {
  const { href, size = null, mtime = 0 } = item;
  const row = /** @type {HTMLTableRowElement} */ (copyOf(isFolder(item) ? "folder" : "file"));
  const name = visible(item.name);
  const links = { "th a": href, "[download]": downloadOf(item), ".more": page + segment(item) };
  for (const [selector, to] of Object.entries(links)) {
    const link = row.querySelector(selector);
    if (link) {
      link.setAttribute("href", to);
      link.ariaLabel &&= link.ariaLabel.replace("{name}", () => name);
    }
  }
  find(row, "bdi").textContent = name;
  find(row, "time", HTMLTimeElement).dateTime = new Date(mtime * 1000).toISOString();
  if (size !== null) {
    const cell = find(row, ".size");
    cell.textContent = sizeInWords(size);
    cell.title = size < 1000 ? "" : String(size);
  }
  return row;
}

/**
 * Give a row what only a script makes work.
 *
 * @param {HTMLTableRowElement} row
 * @param {string} name
 * @param {boolean} selectable
 */
export function dress(row, name, selectable) {
  const heading = find(row, "th");
  const size = find(row, ".size");
  const time = find(row, "time", HTMLTimeElement);
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    time.textContent = agoInWords(moment);
    time.title = exactly(moment);
  }
  if (size.title) {
    size.title = t("{count} bytes", { count: Number(size.title) });
  }
  if (name.length > LONG) {
    heading.title = name;
  }
  if (selectable) {
    const ariaLabel = t("Select {name}", { name });
    heading.prepend(make("input", { type: "checkbox", className: "pick", tabIndex: -1, ariaLabel }));
  }
  const more = row.querySelector(".more");
  if (more) {
    more.role = "button";
    more.ariaExpanded = "false";
  }
}
