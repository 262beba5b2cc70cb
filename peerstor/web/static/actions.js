import { BASE } from "./base.js";
import { closest, find, make } from "./elements.js";
import { menuOn } from "./menu.js";
import { downloadOf, encodedName, isFolder, nameOf, pathOf, segment } from "./rows.js";
import { selectionOn } from "./selection.js";
import { pageAt } from "./state.js";
import { t, tn } from "./texts.js";
import { toast } from "./toast.js";
import { send } from "./transport.js";

/** @import { Item } from "./rows.js" */
/** @import { Listing } from "./listing.js" */

/** @typedef {(act: string, items: Item[]) => boolean} Act does something with entries, and tells whether it can */

/** Characters of an address that every proxy takes; names beyond that are sent in a form. */
const ADDRESS = 4000;

/**
 * Make a call of the API that does something.
 *
 * @param {string} name
 * @param {string} query parameters, percent-encoded
 * @returns {Promise<Record<string, any>>} what the server tells of it
 * @throws {import("./transport.js").Refusal}
 */
export const call = (name, query) => send({ url: `${BASE}/api/${name}?${query}`, silence: 600 });

/**
 * Make a call for what stands in a field, which says so where that is refused.
 *
 * @param {HTMLInputElement} field
 * @param {string} name
 * @param {string} query
 * @returns {Promise<Record<string, any> | null>} what the server tells of it; null where it was refused
 */
async function callFor(field, name, query) {
  field.readOnly = true;
  try {
    return await call(name, query);
  } catch (error) {
    field.readOnly = false;
    field.oninput = () => field.setCustomValidity("");
    field.setCustomValidity(worded(error));
    field.reportValidity();
    return null;
  }
}

/** What an error says to people. @param {any} error */
const worded = (error) => error?.message || t("Something went wrong. Try again.");

/** What a text needs that counts entries, and names the one where there is no other. @param {Item[]} items */
const counted = (items) => /** @type {const} */ ([items.length, { name: items[0]?.name ?? "" }]);

/** Have the entries of a folder be selected, and something be done with them. @param {Listing} list */
export function actionsOn(list) {
  const dialog = find(document, "#asking", HTMLDialogElement);
  const selection = selectionOn(list, act);
  const deeds = /** @type {Record<string, (item: Item, items: Item[]) => void>} */ ({
    address: copyLink,
    clear: () => selection.set([]),
    delete: remove,
    details: (item) => ask(list.data.entry + segment(item), ".facts"),
    download,
    place,
    rename,
    select: selection.toggle,
  });

  /** @type {Act} */
  function act(act, items) {
    const [item] = items;
    const deed = deeds[act];
    if (item) {
      deed?.(item, items);
    }
    return Boolean(deed);
  }

  /** @param {Item} item @param {Item[]} items */
  function download(item, items) {
    const address = `${list.data.here}?archive=zip&name=${items.map(encodedName).join("&name=")}`;
    const alone = items.length === 1;
    if (alone || address.length < ADDRESS) {
      // To leave the page for it would end uploads, or ask about that.
      make("a", { href: alone ? downloadOf(item) : address, download: "" }).click();
    } else {
      const inputs = items.map((one) => make("input", { type: "hidden", name: "name", value: nameOf(one) }));
      const action = `${BASE}/api/archive?format=zip&dir=${list.data.path}`;
      const form = make("form", { method: "post", action }, ...inputs);
      document.body.append(form);
      form.submit();
      form.remove();
    }
  }

  /** @param {Item} item */
  async function copyLink({ href }) {
    const address = location.origin + href;
    try {
      await navigator.clipboard.writeText(address);
      toast(t("The link is copied. It opens for whoever may sign in here."));
    } catch {
      toast(t("Copy it from here: {address}", { address }));
    }
  }

  /**
   * Make a call for one entry after the other, up to the first that is refused.
   *
   * @param {Item[]} items
   * @param {string} name
   * @param {(item: Item) => string} query
   */
  async function each(items, name, query) {
    /** @type {Map<Item, Record<string, any>>} */
    const done = new Map();
    for (const item of items) {
      try {
        done.set(item, await call(name, query(item)));
      } catch (/** @type {any} */ error) {
        return { done, taken: error.code === "exists", why: `${item.name}: ${worded(error)}` };
      }
    }
    return { done };
  }

  /** @param {Item} _ @param {Item[]} items */
  async function remove(_, items) {
    const { done, why } = await each(items, "delete", (item) => `path=${pathOf(item)}`);
    // By their addresses: the folder may have been taken anew meanwhile.
    const gone = new Set(Array.from(done.keys(), ({ href }) => href));
    const at = list.shown.findIndex(({ href }) => gone.has(href));
    list.remove(gone);
    selection.set([]);
    list.focus(Math.min(at, list.shown.length - 1));
    toast(
      why
        ? t("Not deleted: {why}", { why })
        : tn("“{name}” moved to the trash.", "{n} entries moved to the trash.", ...counted(items)),
      done.size ? t("Undo") : "",
      () => restore([...done.values()]),
    );
  }

  /** @param {Record<string, any>[]} gone what the server told of each */
  async function restore(gone) {
    try {
      for (const { trash } of gone) {
        await call("trash/restore", `conflict=rename&parents=1&id=${encodeURIComponent(trash)}`);
      }
      toast(tn("It is back.", "They are back.", gone.length));
    } catch (error) {
      toast(t("Not restored: {why} The trash still has it.", { why: worded(error) }));
    }
    await list.refresh();
  }

  /** Have the name of an entry be changed where it stands. @param {Item} item */
  function rename(item) {
    const link = list.reveal(list.shown.indexOf(item))?.querySelector("a");
    const old = nameOf(item);
    const field = make("input", {
      className: "renaming",
      dir: "auto",
      value: old,
      ariaLabel: t("New name of {name}", { name: item.name }),
      onblur: save,
      // The codes of Enter and Escape: it is 229 for every key that is an input method's, whatever `key` says.
      onkeydown: ({ keyCode }) => {
        if (keyCode === 13) {
          save();
        } else if (keyCode === 27) {
          end();
        }
      },
    });

    /** Show the link again. Taken away, the field loses the focus, which must save nothing. */
    function end() {
      field.readOnly = true;
      field.replaceWith(link ?? "");
      link?.focus();
    }

    async function save() {
      const name = field.value;
      if (field.readOnly) {
        return; // it is under way, or over
      }
      if (!name || name === old) {
        end();
        return;
      }
      const to = list.data.path + encodeURIComponent(name) + (isFolder(item) ? "/" : "");
      const told = await callFor(field, "move", `from=${pathOf(item)}&to=${to}`);
      if (told) {
        end();
        await list.goTo(told.href);
        toast(t("Renamed to “{name}”.", { name }));
      }
    }

    const dot = isFolder(item) ? 0 : old.lastIndexOf(".");
    link?.replaceWith(field);
    field.focus();
    field.setSelectionRange(0, dot > 0 ? dot : old.length);
  }

  /**
   * Show what one of our pages holds in the dialog.
   *
   * @param {string} address
   * @param {string} selector of what the page asks by; it has none where nothing can be asked
   */
  async function ask(address, selector) {
    const page = await pageAt(address).catch(() => null);
    if (!page?.querySelector(selector)) {
      toast(page?.querySelector("h1")?.textContent || worded(null));
      return null;
    }
    dialog.replaceChildren(...find(page, "main").childNodes);
    dialog.setAttribute("aria-labelledby", "asked");
    dialog.close(); // opened anew it is announced, and the focus comes into what it shows now
    dialog.showModal();
    return find(dialog, selector);
  }

  /** @param {Event} event */
  async function newFolder(event) {
    event.preventDefault();
    const form = await ask(list.data.folder ?? "", "form.ask");
    form?.addEventListener("submit", async (event) => {
      event.preventDefault();
      const field = find(form, "input", HTMLInputElement);
      const name = field.value;
      const told = await callFor(field, "folder", `path=${list.data.path}${encodeURIComponent(name)}/`);
      if (told) {
        dialog.close();
        await list.goTo(told.href);
        toast(t("Folder “{name}” made.", { name }));
      }
    });
  }

  /**
   * @param {Item} item
   * @param {Item[]} items
   * @param {string} [address] of the page of the folder that is looked at
   */
  async function place(item, items, address = `${BASE}/-/move?path=${pathOf(item)}`) {
    const found = await ask(address, "#place");
    if (!found) {
      return;
    }
    find(dialog, "h1").textContent = tn(
      "Where to with “{name}”?",
      "Where to with {n} entries?",
      ...counted(items),
    );
    found.onclick = (event) => {
      const folder = /** @type {HTMLAnchorElement | null} */ (closest(event.target, "a:not(.back)"));
      if (folder) {
        event.preventDefault();
        place(item, items, folder.href);
      }
    };
    found.onsubmit = (event) => {
      event.preventDefault();
      dialog.close();
      const { value, dataset } = /** @type {HTMLButtonElement} */ (event.submitter);
      put(items, value, `${found.dataset.into}`, dataset);
    };
  }

  /**
   * @param {Item[]} items
   * @param {string} act
   * @param {string} into path of the folder
   * @param {DOMStringMap} words for what goes on, and for what failed
   * @param {string} [conflict]
   */
  async function put(items, act, into, words, conflict = act === "copy" ? "rename" : "refuse") {
    toast(`${words.going}`);
    const { done, taken, why } = await each(
      items,
      act,
      (item) => `from=${pathOf(item)}&to=${into}${segment(item)}&conflict=${conflict}`,
    );
    await list.refresh();
    selection.set([]);
    if (why) {
      const rest = items.filter((item) => !done.has(item));
      const again = () => put(rest, act, into, words, "rename");
      toast(t(words.failed ?? "", { why }), taken ? t("Keep both") : "", again);
    } else {
      toast(
        act === "copy"
          ? tn("“{name}” copied.", "{n} entries copied.", ...counted(items))
          : tn("“{name}” moved.", "{n} entries moved.", ...counted(items)),
      );
    }
  }

  menuOn(list, act);
  // What the dialog shows is one of our pages: its way back, too, is a link.
  dialog.onclick = (event) => {
    if (event.target === dialog || closest(event.target, ".back")) {
      event.preventDefault();
      dialog.close();
    }
  };
  document.getElementById("new-folder")?.addEventListener("click", newFolder);
}
