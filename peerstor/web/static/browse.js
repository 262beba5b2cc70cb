import { Actions } from "./actions.js";
import { find } from "./elements.js";
import { listing } from "./listing.js";
import { storage } from "./memory.js";
import { Selection } from "./selection.js";

/** What the chosen order is remembered by. */
const ORDER = "peerstor:order";

/** Have the listing do what only a script can. */
export async function browse() {
  if (!listing) {
    return;
  }
  const list = listing;
  if ("archive" in list.data) {
    const actions = new Actions(list);
    actions.selection = new Selection(list, actions.act);
  }
  const field = find(document, "#filter", HTMLInputElement);
  field.addEventListener("input", () => list.filter(field.value));
  field.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowDown") {
      list.reveal(0)?.querySelector("a")?.focus();
    }
  });
  list.section.addEventListener("click", ({ target }) => {
    const link = target instanceof Element ? target.closest("thead a") : null;
    if (link) {
      storage()?.setItem(ORDER, link.getAttribute("href") ?? "?");
    }
  });
  const order = storage()?.getItem(ORDER) ?? "?";
  if (!location.search && order !== "?") {
    history.replaceState(null, "", order);
    await list.refresh();
  } else {
    await list.start();
  }
}
