import { BASE } from "./base.js";
import { closest, find, isPlain } from "./elements.js";
import { listing } from "./listing.js";
import { isFolder, pathOf } from "./rows.js";
import { pageAt } from "./state.js";
import { visible } from "./words.js";

const VIEWS = `${BASE}/-/view`;
const { title } = document;
const loaded = location.pathname;

/** The address of the page that lies over the listing, or is to as soon as it is here; empty where none does. */
let shown = "";

/** The address of the page that shows a file. @param {{ href: string }} file */
const viewOf = (file) => VIEWS + pathOf(file);

const isView = () => location.pathname.startsWith(`${VIEWS}/`);

const over = () => find(document, ".preview", HTMLDialogElement);

function close() {
  const index = listing?.shown.findIndex((file) => viewOf(file) === shown) ?? -1;
  shown = "";
  over().close();
  over().replaceChildren();
  document.title = title;
  // Later, since the browser now scrolls to where the page was.
  requestAnimationFrame(() => listing?.focus(index));
}

/** Show a page over the listing; one that can't be had is gone to, and says why. @param {string} address */
async function show(address) {
  const dialog = over();
  shown = address;
  if (!dialog.open) {
    dialog.showModal();
  }
  dialog.onclose = () => {
    if (isView()) {
      history.back(); // what tidies up is `popstate`, as with the browser's own button
    }
  };
  const page = await pageAt(address).catch(() => null);
  if (shown !== address) {
    return;
  }
  if (!page?.querySelector(".close")) {
    location.replace(address);
    return;
  }
  const held = document.activeElement?.getAttribute("rel");
  dialog.replaceChildren(...find(page, "main").childNodes);
  dialog.ariaLabel = find(dialog, "h1").textContent;
  dialog.scrollTop = 0;
  document.title = page.title;
  const button = find(dialog, ".close");
  button.hidden = false;
  button.onclick = () => dialog.close();
  turnAsListed();
  (turnTo(held) ?? button).focus();
}

/** The link that turns to another file, where there is one. @param {string | null} [rel] @returns {HTMLElement | null} */
const turnTo = (rel) => document.querySelector(`.around [rel="${rel}"]:not([hidden])`);

/** Have the links to turn by lead on in the order that the listing has. */
function turnAsListed() {
  const files = listing?.shown.filter((item) => !isFolder(item)) ?? [];
  const at = files.findIndex((file) => viewOf(file) === shown);
  for (const [rel, file] of at < 0 ? [] : Object.entries({ prev: files[at - 1], next: files[at + 1] })) {
    const link = find(document, `.around [rel=${rel}]`, HTMLAnchorElement);
    link.hidden = !file;
    link.href = file ? viewOf(file) : "";
    find(link, "bdi").textContent = visible(file?.name ?? "");
  }
}

document.addEventListener("click", (event) => {
  const link = closest(event.target, "a");
  if (!link || !isPlain(event)) {
    return;
  }
  const { hash, pathname } = link;
  const within = closest(link, ".preview");
  if (link.matches("#listing .name a:not(.folder)")) {
    history.pushState(null, "", viewOf({ href: pathname }));
    show(location.pathname);
  } else if (within && link.matches(".around [rel]")) {
    history.replaceState(null, "", pathname);
    show(pathname);
  } else if (within && hash && pathname === shown) {
    document.querySelector(`.preview [id="${CSS.escape(decodeURIComponent(hash.slice(1)))}"]`)?.scrollIntoView();
  } else {
    return;
  }
  event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const turn = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (turn && isPlain(event) && !closest(event.target, "video, audio, input")) {
    turnTo(turn)?.click();
  }
});

addEventListener("popstate", () => {
  if (!listing) {
    if (location.pathname !== loaded) {
      location.reload(); // this page was shown over a listing before it was loaded by itself
    }
  } else if (!isView()) {
    if (shown) {
      close();
    }
  } else if (location.pathname !== shown) {
    show(location.pathname);
  }
});
