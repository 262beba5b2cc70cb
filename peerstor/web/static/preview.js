import { BASE } from "./base.js";
import { find, make } from "./elements.js";
import { listing } from "./listing.js";
import { isFolder } from "./rows.js";
import { visible } from "./words.js";

const VIEWS = `${BASE}/-/view`;
const { title } = document;
const loaded = location.pathname;

/** What lies over the listing. @type {HTMLDialogElement | null} */
let dialog = null;
/** The address of the page that it shows. */
let shown = "";
let latest = 0;

/** @param {string} path of a file @returns {string} the address of the page that shows it */
const viewOf = (path) => VIEWS + path.slice(BASE.length).replace(/^\/-\/tree(?=\/)/, "");

const isView = () => location.pathname.startsWith(`${VIEWS}/`);

/** @param {MouseEvent | KeyboardEvent} event */
const isPlain = (event) =>
  !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.defaultPrevented);

function open() {
  // With a tab index, or a click in it would give the focus to the page below.
  const box = make("dialog", { className: "preview", tabIndex: -1 });
  box.addEventListener("close", () => {
    if (box === dialog) {
      history.back(); // what takes it away is `popstate`, as with the browser's own button
    }
  });
  document.body.append(box);
  box.showModal();
  return box;
}

function close() {
  latest += 1;
  const box = dialog;
  dialog = null;
  box?.close();
  box?.remove();
  document.title = title;
  const index = listing?.shown.findIndex(({ href }) => viewOf(href) === shown) ?? -1;
  // Later, since the browser now scrolls to where the page was.
  requestAnimationFrame(() => listing?.reveal(index)?.querySelector("a")?.focus());
}

/** Show a page over the listing; one that can't be had is gone to, and says why. @param {string} address */
async function show(address) {
  latest += 1;
  const mine = latest;
  dialog ??= open();
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  const text = answer?.ok && !answer.redirected ? await answer.text().catch(() => null) : null;
  if (mine !== latest || !dialog) {
    return;
  }
  if (text === null) {
    location.replace(address);
    return;
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  const held = document.activeElement?.getAttribute("rel");
  shown = address;
  dialog.replaceChildren(...find(page, "main").childNodes);
  dialog.ariaLabel = find(dialog, "h1").textContent;
  dialog.scrollTop = 0;
  document.title = page.title;
  const button = find(dialog, ".close");
  button.hidden = false;
  turnAsListed(dialog);
  const turn = held ? dialog.querySelector(`[rel=${held}]:not([hidden])`) : null;
  (turn instanceof HTMLElement ? turn : button).focus();
}

/** Have the links to turn by lead on in the order that the listing has. @param {HTMLDialogElement} box */
function turnAsListed(box) {
  const files = listing?.shown.filter((item) => !isFolder(item)) ?? [];
  const at = files.findIndex(({ href }) => viewOf(href) === shown);
  for (const [rel, item] of at < 0 ? [] : Object.entries({ prev: files[at - 1], next: files[at + 1] })) {
    const link = find(box, `.around [rel=${rel}]`, HTMLAnchorElement);
    link.hidden = !item;
    link.href = item ? viewOf(item.href) : "";
    find(link, "bdi").textContent = visible(item?.name ?? "");
  }
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (event.target instanceof Element && event.target.matches(".preview .close")) {
    dialog?.close();
  }
  if (!link || event.button || !isPlain(event)) {
    return;
  }
  const within = dialog?.contains(link);
  if (link.matches("#listing .name a:not(.folder)")) {
    history.pushState(null, "", viewOf(link.pathname));
    show(location.pathname);
  } else if (within && link.matches(".around [rel]")) {
    history.replaceState(null, "", link.pathname);
    show(link.pathname);
  } else if (within && link.hash && link.pathname === shown) {
    document
      .querySelector(`.preview [id="${CSS.escape(decodeURIComponent(link.hash.slice(1)))}"]`)
      ?.scrollIntoView();
  } else {
    return;
  }
  event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const turn = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const busy = event.target instanceof Element && event.target.closest("video, audio, input");
  if (turn && !busy && isPlain(event) && (dialog || isView())) {
    /** @type {HTMLElement | null} */ (
      (dialog ?? document).querySelector(`.around [rel=${turn}]:not([hidden])`)
    )?.click();
  }
});

globalThis.addEventListener("popstate", () => {
  if (!listing) {
    if (location.pathname !== loaded) {
      location.reload(); // this page was shown over a listing before it was loaded by itself
    }
  } else if (!isView()) {
    if (dialog) {
      close();
    }
  } else if (location.pathname !== shown || !dialog) {
    show(location.pathname);
  }
});
