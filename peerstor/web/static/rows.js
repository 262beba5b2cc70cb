import { make } from "./elements.js";
import { agoInWords, exactly, sizeInWords, visible } from "./words.js";

/**
 * @typedef {object} Item an entry of the listing
 * @property {string} href as the server spells it, exact to the byte
 * @property {string} name as it is shown
 * @property {HTMLTableRowElement | null} row what shows it, if anything does
 * @property {number | null} [size] bytes; null for a folder
 * @property {number} [mtime] seconds since the epoch
 */

/** @param {Item} item */
export const isFolder = ({ href }) => href.endsWith("/");

/** The last segment of an entry's address, with the `/` of a folder. @param {Item} item */
export const segment = ({ href }) => href.slice(href.lastIndexOf("/", href.length - 2) + 1);

/** Read what a row of the server's shows. @param {HTMLTableRowElement} row @returns {Item} */
export function itemOf(row) {
  const link = row.querySelector("th a");
  return { href: link?.getAttribute("href") ?? "", name: link?.querySelector("bdi")?.textContent ?? "", row };
}

/**
 * Make a row as the server makes them.
 *
 * @param {Item} item
 * @param {string | undefined} page what the address of an entry's own page begins with
 */
export function rowOf(item, page) {
  const { href, size = null, mtime = 0 } = item;
  const name = visible(item.name);
  const link = make("a", { href }, make("bdi", { textContent: name }));
  const get = make("td", { className: "get" });
  if (isFolder(item)) {
    link.className = "folder";
    link.append(make("span", { className: "spoken", textContent: " (folder)" }));
  } else {
    get.append(make("a", { href: `${href}?download`, download: "", ariaLabel: `Download ${name}` }));
  }
  if (page) {
    get.append(make("a", { className: "more", href: page + segment(item), ariaLabel: `Actions for ${name}` }));
  }
  return make(
    "tr",
    {},
    make("th", { scope: "row", className: "name" }, link),
    make("td", {
      className: "size",
      textContent: size === null ? "" : sizeInWords(size),
      title: size && size >= 1000 ? String(size) : "",
    }),
    make("td", { className: "mtime" }, make("time", { dateTime: new Date(mtime * 1000).toISOString() })),
    get,
  );
}

/**
 * Give a row what only a script makes work.
 *
 * @param {Item} item
 * @param {boolean} selectable
 */
export function dress({ name, row }, selectable) {
  const time = row?.querySelector("time");
  const moment = new Date(time?.dateTime ?? "");
  if (time && !Number.isNaN(moment.getTime())) {
    time.textContent = agoInWords(moment);
    time.title = exactly(moment);
  }
  const size = row?.cells[1];
  if (size?.title) {
    size.title = `${Number(size.title).toLocaleString("en")} bytes`;
  }
  if (selectable) {
    const box = make("input", { type: "checkbox", className: "pick", tabIndex: -1, ariaLabel: `Select ${name}` });
    row?.cells[0]?.prepend(box);
  }
  const more = row?.querySelector(".more");
  if (more) {
    more.role = "button";
    more.ariaExpanded = "false";
  }
}
