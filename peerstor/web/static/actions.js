import { BASE } from "./base.js";
import { copyOf, find, make } from "./elements.js";
import { isFolder, segment } from "./rows.js";
import { heed } from "./state.js";
import { t, tn } from "./texts.js";
import { toast } from "./toast.js";
import { Refusal, send } from "./transport.js";

/** @import { Item } from "./rows.js" */
/** @import { Act } from "./selection.js" */
/** @import { Listing } from "./listing.js" */

/** Characters of an address that every proxy takes; names beyond that are sent in a form. */
const ADDRESS = 4000;

/**
 * Make a call of the API that does something.
 *
 * @param {string} name
 * @param {string} query parameters, percent-encoded
 * @throws {Refusal}
 */
export const call = (name, query) => send({ url: `${BASE}/api/${name}?${query}`, silence: 600 });

/** The path of an entry as the API takes it, exact to the byte. @param {{ href: string }} item */
export const pathOf = ({ href }) => href.slice(BASE.length).replace(/^\/-\/tree\//, "/");

/** What a text that counts entries says of one. @param {Item[]} items */
const named = ([item]) => ({ name: item?.name ?? "" });

/** What can be done with the entries of a folder. */
export class Actions {
  #listing;
  #dialog = find(document, "#asking", HTMLDialogElement);
  #menu = copyOf("menu");
  #subject = /** @type {Item | null} */ (null);
  #opener = /** @type {Element | null} */ (null);
  /** @type {import("./selection.js").Selection | null} */
  selection = null;

  /** @param {Listing} list */
  constructor(list) {
    this.#listing = list;
    find(document, "main").append(this.#menu);
    list.section.addEventListener("click", (event) => this.#clicked(event));
    this.#menu.addEventListener("click", ({ target }) => this.#ordered(target));
    this.#menu.addEventListener("toggle", (event) => {
      if (this.#opener && event instanceof ToggleEvent) {
        this.#opener.ariaExpanded = String(event.newState === "open");
        if (document.activeElement === document.body) {
          /** @type {HTMLElement | null | undefined} */ (this.#current?.row?.querySelector(".more"))?.focus();
        }
      }
    });
    addEventListener("scroll", () => this.#follow(), { passive: true });
    document.querySelector("#new-folder")?.addEventListener("click", (event) => {
      event.preventDefault();
      this.#newFolder();
    });
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog) {
        this.#dialog.close();
      }
    });
  }

  /** @type {Act} */
  act = (act, items) => {
    const [item] = items;
    const allowed = "change" in this.#listing.data;
    if (!item) {
      return;
    }
    if (act === "delete" && allowed) {
      this.#delete(items);
    } else if (act === "rename" && allowed && "folder" in this.#listing.data) {
      this.#rename(item);
    } else if (act === "place") {
      this.#place(items);
    } else if (act === "download") {
      this.#download(items);
    } else if (act === "address") {
      this.#copyLink(item);
    } else if (act === "select") {
      this.selection?.toggle(item);
    }
  };

  /** Whose menu it is; the listing may have been taken anew since it was opened. */
  get #current() {
    return this.#listing.shown.find(({ href }) => href === this.#subject?.href) ?? null;
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const more = event.target instanceof Element ? event.target.closest("a.more") : null;
    const item = this.#listing.shown.find(({ row }) => more && row?.contains(more));
    if (!more || !item || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    this.#subject = item;
    this.#opener = more;
    const link = (/** @type {string} */ act) => this.#menu.querySelector(`a[data-act="${act}"]`) ?? make("a");
    const to = { open: item.href, get: get(item), details: more.getAttribute("href"), share: this.#share(item) };
    for (const [act, href] of Object.entries(to)) {
      link(act).setAttribute("href", href ?? "");
    }
    this.#menu.ariaLabel = t("Actions for {name}", { name: item.name });
    this.#menu.showPopover();
    this.#lay(more.getBoundingClientRect());
    find(this.#menu, "a").focus();
  }

  /** Stay with the button, while it is to be seen. */
  #follow() {
    const at = this.#opener?.getBoundingClientRect();
    if (!at?.height || at.bottom < 0 || at.top > innerHeight) {
      this.#menu.hidePopover();
    } else if (this.#menu.matches(":popover-open")) {
      this.#lay(at);
    }
  }

  /** @param {DOMRect} at of the button */
  #lay(at) {
    const { offsetHeight, offsetWidth, style } = this.#menu;
    const under = at.bottom + offsetHeight < innerHeight ? at.bottom : Math.max(8, at.top - offsetHeight);
    style.top = `${under}px`;
    style.left = `${Math.max(8, Math.min(at.right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
  }

  /** @param {Item} item */
  #share = (item) => (this.#listing.data.share ?? "") + segment(item);

  /** @param {EventTarget | null} target */
  #ordered(target) {
    const order = target instanceof HTMLElement ? target.dataset.act : "";
    const subject = this.#current;
    if (order && subject) {
      this.#menu.hidePopover();
      this.act(order, [subject]);
    }
  }

  /** @param {Item[]} items */
  #download(items) {
    const [item] = items;
    const names = items.map((one) => segment(one).replace(/\/$/, ""));
    const address = `${this.#listing.data.here}?archive=zip&${names.map((name) => `name=${name}`).join("&")}`;
    if (items.length === 1 && item) {
      location.assign(get(item));
    } else if (address.length < ADDRESS) {
      location.assign(address);
    } else {
      const dir = pathOf({ href: this.#listing.data.here ?? "/" });
      const form = make("form", { method: "post", action: `${BASE}/api/archive?format=zip&dir=${dir}` });
      form.append(...names.map((name) => make("input", { type: "hidden", name: "name", value: decoded(name) })));
      document.body.append(form);
      form.submit();
      form.remove();
    }
  }

  /** @param {Item} item */
  async #copyLink(item) {
    const address = new URL(item.href, location.href).href;
    try {
      await navigator.clipboard.writeText(address);
      toast(t("The link is copied. It opens for whoever may sign in here."));
    } catch {
      toast(t("Copy it from here: {address}", { address }));
    }
  }

  /** @param {Item[]} items */
  async #delete(items) {
    const trash = /** @type {string[]} */ ([]);
    const gone = await this.#each(items, async (item) => {
      trash.push(String((await call("delete", `path=${pathOf(item)}`)).trash));
    });
    const at = this.#listing.shown.findIndex((item) => gone.done.has(item));
    this.#listing.remove(gone.done);
    this.selection?.set([]);
    this.#listing
      .reveal(Math.min(at, this.#listing.shown.length - 1))
      ?.querySelector("a")
      ?.focus();
    if (gone.failed) {
      toast(t("Not deleted: {why}", { why: gone.failed }));
    } else {
      const said = tn(
        "“{name}” moved to the trash.",
        "{n} entries moved to the trash.",
        items.length,
        named(items),
      );
      toast(said, t("Undo"), () => this.#restore(trash));
    }
  }

  /** @param {string[]} ids */
  async #restore(ids) {
    try {
      for (const id of ids) {
        await call("trash/restore", `conflict=rename&parents=1&id=${encodeURIComponent(id)}`);
      }
      toast(tn("It is back.", "They are back.", ids.length));
    } catch (error) {
      toast(t("Not restored: {why} The trash still has it.", { why: worded(error) }));
    }
    await this.#listing.refresh();
  }

  /**
   * Do something with one entry after the other, up to the first that is refused.
   *
   * @param {Item[]} items
   * @param {(item: Item) => Promise<void>} deed
   */
  async #each(items, deed) {
    const done = /** @type {Set<Item>} */ (new Set());
    for (const item of items) {
      try {
        await deed(item);
        done.add(item);
      } catch (error) {
        const taken = error instanceof Refusal && error.code === "exists";
        return { done, taken, failed: `${item.name}: ${worded(error)}` };
      }
    }
    return { done, taken: false, failed: "" };
  }

  /** @param {Item} item */
  #rename(item) {
    const row = this.#listing.reveal(this.#listing.shown.indexOf(item));
    const link = row?.querySelector("th a");
    const old = decoded(segment(item).replace(/\/$/, ""), item.name);
    if (!(link instanceof HTMLElement)) {
      return;
    }
    const field = make("input", {
      className: "renaming",
      value: old,
      ariaLabel: t("New name of {name}", { name: item.name }),
    });
    field.dir = "auto";
    let over = false;
    const end = () => {
      over = true;
      field.replaceWith(link);
      link.focus();
    };
    const save = async () => {
      const name = field.value;
      if (over || field.readOnly) {
        return;
      }
      if (name === old || !name) {
        end();
        return;
      }
      field.readOnly = true;
      try {
        const from = pathOf(item);
        const folder = from.slice(0, -segment(item).length);
        const told = await call(
          "move",
          `from=${from}&to=${folder}${encodeURIComponent(name)}${isFolder(item) ? "/" : ""}`,
        );
        end();
        await this.#listing.refresh();
        this.#show(String(told.href));
        toast(t("Renamed to “{name}”.", { name }));
      } catch (error) {
        field.readOnly = false;
        field.setCustomValidity(worded(error));
        field.reportValidity();
        field.focus();
      }
    };
    field.addEventListener("input", () => field.setCustomValidity(""));
    field.addEventListener("blur", save);
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") {
        save();
      } else if (event.key === "Escape") {
        end();
      }
    });
    link.replaceWith(field);
    field.focus();
    const dot = isFolder(item) ? -1 : old.lastIndexOf(".");
    field.setSelectionRange(0, dot > 0 ? dot : old.length);
  }

  /** @param {string} href of the entry that is to have the focus */
  #show(href) {
    const index = this.#listing.shown.findIndex((item) => item.href === href);
    this.#listing.reveal(index)?.querySelector("a")?.focus();
  }

  /**
   * Show a part of one of our pages in the dialog.
   *
   * @param {string} page
   * @param {string} selector
   */
  async #ask(page, selector) {
    try {
      const answer = await fetch(page, { headers: { Accept: "text/html" } });
      heed(answer);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = fresh.querySelector(selector);
      if (!found) {
        throw new Error(fresh.querySelector("h1")?.textContent ?? "");
      }
      const heading = found.querySelector("h1") ? null : fresh.querySelector("h1");
      this.#dialog.replaceChildren(...(heading ? [heading] : []), found);
      this.#dialog.ariaLabel = this.#dialog.querySelector("h1")?.textContent ?? "";
      if (!this.#dialog.open) {
        this.#dialog.showModal();
      }
      return find(this.#dialog, selector);
    } catch (error) {
      toast(worded(error));
      return null;
    }
  }

  async #newFolder() {
    const form = await this.#ask(this.#listing.data.folder ?? "", "form.ask");
    const field = form?.querySelector("input");
    field?.focus();
    form?.querySelector("a")?.addEventListener("click", (event) => this.#close(event));
    form?.addEventListener("submit", async (event) => {
      event.preventDefault();
      const here = pathOf({ href: this.#listing.data.here ?? "/" });
      try {
        const told = await call("folder", `path=${here}${encodeURIComponent(field?.value ?? "")}/`);
        this.#close();
        await this.#listing.refresh();
        this.#show(String(told.href));
        toast(t("Folder “{name}” made.", { name: field?.value ?? "" }));
      } catch (error) {
        field?.setCustomValidity(worded(error));
        field?.reportValidity();
        field?.addEventListener("input", () => field.setCustomValidity(""), { once: true });
      }
    });
  }

  /** @param {Event} [event] */
  #close(event) {
    event?.preventDefault();
    this.#dialog.close();
  }

  /**
   * @param {Item[]} items
   * @param {string} [page] of the folder that is looked at
   */
  async #place(items, page = `${BASE}/-/move?path=${items[0] ? pathOf(items[0]) : ""}`) {
    const place = await this.#ask(page, "#place");
    place?.addEventListener("click", (event) => {
      const { target } = event;
      const link = target instanceof Element ? target.closest("a") : null;
      if (link?.matches(".button")) {
        this.#close(event);
      } else if (link) {
        event.preventDefault();
        this.#place(items, link.href);
      }
    });
    place?.addEventListener("submit", (event) => {
      const button = event.submitter instanceof HTMLButtonElement ? event.submitter.value : "copy";
      this.#close(event);
      this.#put(items, button, place.dataset.into ?? "/", button === "copy" ? "rename" : "refuse");
    });
    const question = tn("Where to with “{name}”?", "Where to with {n} entries?", items.length, named(items));
    find(this.#dialog, "h1").textContent = question;
  }

  /**
   * @param {Item[]} items
   * @param {string} act
   * @param {string} into path of the folder
   * @param {string} conflict
   */
  async #put(items, act, into, conflict) {
    toast(act === "copy" ? t("Copying…") : t("Moving…"));
    const { done, failed, taken } = await this.#each(items, async (item) => {
      await call(act, `from=${pathOf(item)}&to=${into}${segment(item)}&conflict=${conflict}`);
    });
    const not = { why: failed };
    const said = act === "copy" ? t("Not copied: {why}", not) : t("Not moved: {why}", not);
    await this.#listing.refresh();
    this.selection?.set([]);
    if (taken) {
      const rest = items.filter((item) => !done.has(item));
      toast(said, t("Keep both"), () => this.#put(rest, act, into, "rename"));
    } else if (failed) {
      toast(said);
    } else if (act === "copy") {
      toast(tn("“{name}” copied.", "{n} entries copied.", items.length, named(items)));
    } else {
      toast(tn("“{name}” moved.", "{n} entries moved.", items.length, named(items)));
    }
  }
}

/** Where an entry is downloaded from. @param {Item} item */
const get = (item) => `${item.href}${isFolder(item) ? "?archive=zip" : "?download"}`;

/** @param {unknown} error */
const worded = (error) => (error instanceof Error && error.message) || t("Something went wrong. Try again.");

/**
 * @param {string} text percent-encoded
 * @param {string} [otherwise] where it is no UTF-8
 */
function decoded(text, otherwise = text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return otherwise;
  }
}
