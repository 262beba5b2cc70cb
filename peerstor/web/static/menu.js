import { closest, find, isPlain } from "./elements.js";
import { downloadOf, segment } from "./rows.js";

/** @import { Act } from "./actions.js" */
/** @import { Listing } from "./listing.js" */

/** Pixels between the menu and the window's edge. */
const EDGE = 8;

/**
 * Have the button of each row open a menu of what can be done with its entry.
 *
 * @param {Listing} list
 * @param {Act} act
 */
export function menuOn(list, act) {
  const menu = find(document, "#menu");
  /** @type {HTMLElement | null} */
  let opener = null;
  let address = "";

  /** Whose menu it is; the listing may have been taken anew since it was opened. */
  const subject = () => list.shown.find(({ href }) => href === address);

  /** Lay it below a button, or above where there is more room; it scrolls with the page. @param {Element} button */
  function lay(button) {
    const { bottom, right, top } = button.getBoundingClientRect();
    const { offsetHeight, offsetWidth, style } = menu;
    const y = bottom + offsetHeight < innerHeight ? bottom : Math.max(EDGE, top - offsetHeight);
    style.top = `${scrollY + y}px`;
    style.left = `${Math.max(EDGE, Math.min(right, innerWidth - EDGE) - offsetWidth)}px`;
  }

  list.section.addEventListener("click", (event) => {
    const more = closest(event.target, "a.more");
    const item = list.shown[list.indexOf(more)];
    if (!more || !item || !isPlain(event)) {
      return;
    }
    event.preventDefault();
    opener = more;
    address = item.href;
    const { entry, share } = list.data;
    const name = segment(item);
    const links = { open: address, get: downloadOf(item), details: entry + name, share: share + name };
    for (const [order, href] of Object.entries(links)) {
      menu.querySelector(`[data-act=${order}]`)?.setAttribute("href", href);
    }
    menu.ariaLabel = more.ariaLabel;
    menu.showPopover();
    lay(more);
    find(menu, "a").focus();
  });
  menu.onclick = (event) => {
    const order = closest(event.target, "[data-act]")?.dataset.act;
    const item = subject();
    if (order && item && isPlain(event)) {
      menu.hidePopover();
      if (act(order, [item])) {
        event.preventDefault(); // without scripts it is a link
      }
    }
  };
  menu.ontoggle = () => {
    const row = subject()?.row;
    if (opener) {
      opener.ariaExpanded = String(menu.matches(":popover-open"));
    }
    if (row && document.activeElement === document.body) {
      find(row, ".more").focus();
    }
  };
}
