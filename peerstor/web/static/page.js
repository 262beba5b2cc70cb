import { actionsOn } from "./actions.js";
import { closest, find } from "./elements.js";
import { follow } from "./events.js";
import { listing } from "./listing.js";
import { storage } from "./memory.js";
import { takeUploads } from "./uploads.js";

/** @import { Listing } from "./listing.js" */

/** What the chosen order is remembered by. */
const ORDER = "peerstor:order";

/** Have a listing do what only a script can. @param {Listing} list */
async function browse(list) {
  if ("archive" in list.data) {
    actionsOn(list);
  }
  const field = find(document, "#filter", HTMLInputElement);
  field.oninput = () => list.filter(field.value);
  // The code of ArrowDown, where that isn't an input method's.
  field.onkeydown = ({ keyCode }) => {
    if (keyCode === 40) {
      list.focus(0);
    }
  };
  list.section.addEventListener("click", ({ target }) => {
    const order = closest(target, "thead a")?.getAttribute("href");
    if (order) {
      storage()?.setItem(ORDER, order);
    }
  });
  const order = storage()?.getItem(ORDER) ?? "?";
  if (!location.search && order !== "?") {
    history.replaceState(null, "", order);
    list.address = location.href;
    await list.refresh();
  } else {
    await list.start();
  }
  if (list.data.version) {
    follow(list);
  }
}

const uploads = document.getElementById("uploads");
document.documentElement.classList.add("scripted");
if (listing) {
  browse(listing);
}
if (uploads) {
  takeUploads(uploads);
}
