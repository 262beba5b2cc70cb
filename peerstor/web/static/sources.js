import { closest, find } from "./elements.js";
import { t } from "./texts.js";

/**
 * @typedef {object} Found
 * @property {string} path of the folder that it lies in, below what was chosen; empty, or with a `/` at its end
 * @property {File | null} [file] none for the folder itself
 */

/** @typedef {AsyncIterable<Found> | Iterable<Found>} Source */

/** Milliseconds without word of something dragged over the page after which it is gone: browsers tell in less. */
const OVER = 800;

/**
 * Take files from wherever they come: buttons, drops anywhere on the page, the clipboard.
 *
 * @param {(source: Source) => void} take
 * @param {(handle: FileSystemHandle) => void} keep told of what can be read again after a reload
 */
export function takeFiles(take, keep) {
  /** @type {NodeListOf<HTMLInputElement>} */
  const choosers = document.querySelectorAll("input[data-choose]");
  for (const chooser of choosers) {
    find(document, `#${chooser.dataset.choose}`).onclick = () => chooser.click();
    chooser.onchange = () => {
      take(chosen(chooser));
      chooser.value = ""; // so that the same file may be chosen again
    };
  }
  const { classList } = document.body;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  addEventListener("dragover", (event) => {
    if (brought(event, event.dataTransfer)) {
      event.preventDefault();
      classList.add("dropping");
      clearTimeout(timer);
      timer = setTimeout(() => classList.remove("dropping"), OVER);
    }
  });
  addEventListener("drop", (event) => {
    const transfer = brought(event, event.dataTransfer);
    classList.remove("dropping");
    if (transfer) {
      event.preventDefault();
      take(opened(transfer, keep));
    }
  });
  addEventListener("paste", (event) => {
    const transfer = brought(event, event.clipboardData);
    // A text for the note may have a picture beside it, which is the same once more.
    if (transfer && !closest(event.target, "textarea")) {
      take(picture(transfer) ?? opened(transfer, keep));
    }
  });
}

/** Give what comes with an event, where that are files and nothing else takes them.
 *
 * @param {Event} event
 * @param {DataTransfer | null} transfer
 */
const brought = ({ target }, transfer) =>
  transfer?.types.includes("Files") && !closest(target, "input") ? transfer : null;

/** Give files as an input has them, in their folders. @param {{ files: FileList | null }} chooser @returns {Source} */
const chosen = ({ files }) =>
  Array.from(files ?? [], (file) => ({ file, path: file.webkitRelativePath.replace(/[^/]*$/, "") }));

/** Give a picture a name: browsers call every one that is pasted the same. @param {DataTransfer} transfer */
function picture({ files: [file, more] }) {
  const at = new Date().toLocaleString("sv").replaceAll(":", ".");
  return file?.name === "image.png" && !more
    ? [{ file: new File([file], `${t("Pasted {at}", { at })}.png`, file), path: "" }]
    : null;
}

/**
 * @param {DataTransfer} transfer
 * @param {(handle: FileSystemHandle) => void} keep
 */
function opened(transfer, keep) {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  for (const item of items) {
    // Only Chromium has these, and only over HTTPS or on the machine itself.
    /** @type {any} */ (item).getAsFileSystemHandle?.().then(
      (/** @type {FileSystemHandle?} */ handle) => handle && keep(handle),
      () => {},
    );
  }
  const entries = items.flatMap((item) => item.webkitGetAsEntry?.() ?? []);
  return entries.length ? walkAll(entries) : chosen(transfer);
}

/** @param {FileSystemEntry[]} entries @returns {AsyncIterable<Found>} */
async function* walkAll(entries) {
  for (const entry of entries) {
    yield* walk(entry);
  }
}

/**
 * Read what lies behind an entry or a handle, folders to their ends.
 *
 * @param {any} found a FileSystemEntry or FileSystemHandle
 * @param {string} [path]
 * @returns {AsyncIterable<Found>}
 */
export async function* walk(found, path = "") {
  const { name, kind, isFile } = found;
  try {
    if (isFile) {
      yield { path, file: await got((yes, no) => found.file(yes, no)) };
    } else if (kind === "file") {
      yield { path, file: await found.getFile() };
    } else {
      const within = `${path}${name}/`;
      yield { path: within };
      for await (const inner of kind ? found.values() : entriesOf(found.createReader())) {
        yield* walk(inner, within);
      }
    }
  } catch {
    yield { path, file: unreadable(name) };
  }
}

/** Browsers give a hundred or so at a time, and none at the end. @param {FileSystemDirectoryReader} reader */
async function* entriesOf(reader) {
  /** @type {FileSystemEntry[]} */
  let some = [];
  do {
    some = await got((yes, no) => reader.readEntries(yes, no));
    yield* some;
  } while (some.length);
}

/** @template Given @param {(yes: (given: Given) => void, no: () => void) => void} ask @returns {Promise<Given>} */
const got = (ask) => new Promise(ask);

/** Stand in for what can't be read, so that it fails like a file that can't be read any more. @param {string} name */
const unreadable = (name) =>
  Object.assign(new File([], name), {
    slice() {
      throw new DOMException();
    },
  });
