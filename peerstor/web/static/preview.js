import { BASE } from "./base.js";
import { find } from "./elements.js";

const VIEWS = `${BASE}/-/view`;

/** What is shown over the listing. Stored pages open as such, and all else is as without this script. */
const SHOWN =
  /\.(png|avif|bmp|gif|ico|jpe?g|svg|webp|mov|mp[34]|og[agv]|webm|aac|flac|m4a|opus|wav|pdf|txt|log|md|markdown|[ct]sv|jsonl?|ndjson|xml|css|m?[jt]s|[jt]sx|py|sh|[ch]|[ch]pp|cc|java|rs|go|rb|php|pl|lua|kt|swift|sql|toml|ya?ml|ini|cfg|conf|diff|patch|tex|rst)$/i;

/** @type {HTMLDialogElement | null} */
let dialog = null;
let shown = "";
let latest = 0;
const title = document.title;

/** @param {string} path of a file @returns {string} the address of the page that shows it */
function viewOf(path) {
  return VIEWS + path.slice(BASE.length).replace(/^\/-\/tree(?=\/)/, "");
}

function isView() {
  return location.pathname.startsWith(`${VIEWS}/`);
}

/** @param {MouseEvent | KeyboardEvent} event */
function isPlain(event) {
  return !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.defaultPrevented);
}

function back() {
  history.back(); // what closes it is `popstate`, as with the browser's own button
}

function open() {
  const box = document.createElement("dialog");
  box.className = "preview";
  box.addEventListener("cancel", (event) => {
    event.preventDefault();
    back();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

function close() {
  latest += 1;
  dialog?.close();
  dialog?.remove();
  dialog = null;
  document.title = title;
  const links = /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("#listing .name a"));
  [...links].find((link) => viewOf(link.pathname) === shown)?.focus();
}

/** @param {string} address of a page to show over the listing; one that can't be taken is gone to, and says why */
async function show(address) {
  latest += 1;
  const mine = latest;
  dialog ??= open();
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  const text = answer?.ok && !answer.redirected ? await answer.text().catch(() => null) : null;
  if (mine !== latest) {
    return;
  }
  if (text === null) {
    location.replace(address);
    return;
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  const button = document.createElement("button");
  button.textContent = "Close";
  button.addEventListener("click", back);
  shown = address;
  dialog.replaceChildren(...find(page, "main", HTMLElement).childNodes);
  find(dialog, ".around", HTMLElement).append(button);
  dialog.ariaLabel = find(dialog, "h1", HTMLElement).textContent;
  dialog.scrollTop = 0;
  button.focus();
  document.title = page.title;
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || event.button || !isPlain(event)) {
    return;
  }
  const address = viewOf(link.pathname);
  if (link.matches("#listing .name a") && SHOWN.test(link.pathname)) {
    event.preventDefault();
    history.pushState(null, "", address);
    show(address);
  } else if (dialog && link.matches("[rel=prev], [rel=next]")) {
    event.preventDefault();
    history.replaceState(null, "", link.pathname);
    show(link.pathname);
  }
});

document.addEventListener("keydown", (event) => {
  const turn = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const busy = event.target instanceof Element && event.target.closest("video, audio, pre, input");
  if (turn && !busy && isPlain(event) && (dialog || isView())) {
    /** @type {HTMLElement | null} */ ((dialog ?? document).querySelector(`.around [rel=${turn}]`))?.click();
  }
});

if (document.getElementById("listing")) {
  globalThis.addEventListener("popstate", () => {
    if (!isView()) {
      close();
    } else if (location.pathname !== shown || !dialog) {
      show(location.pathname);
    }
  });
}
