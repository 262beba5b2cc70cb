import { find } from "./elements.js";
import { t } from "./texts.js";

/**
 * @typedef {object} Found
 * @property {string} path of the folder that it lies in, below what was chosen; empty, or with a `/` at its end
 * @property {File | null} file null for the folder itself
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
  for (const input of document.querySelectorAll("input[data-choose]")) {
    const chooser = /** @type {HTMLInputElement} */ (input);
    find(document, `#${chooser.dataset.choose}`).onclick = () => chooser.click();
    chooser.onchange = () => {
      take(chosen([...(chooser.files ?? [])]));
      chooser.value = ""; // so that the same file may be chosen again
    };
  }
  const { classList } = document.body;
  const brings = (/** @type {Event} */ { target }, /** @type {DataTransfer | null} */ transfer) =>
    transfer?.types.includes("Files") && !(target instanceof HTMLInputElement);
  let timer = 0;
  addEventListener("dragover", (event) => {
    if (brings(event, event.dataTransfer)) {
      event.preventDefault();
      classList.add("dropping");
      clearTimeout(timer);
      timer = window.setTimeout(() => classList.remove("dropping"), OVER);
    }
  });
  addEventListener("drop", (event) => {
    const { dataTransfer } = event;
    classList.remove("dropping");
    if (dataTransfer && brings(event, dataTransfer)) {
      event.preventDefault();
      take(brought(dataTransfer, keep));
    }
  });
  addEventListener("paste", (event) => {
    const { clipboardData } = event;
    if (clipboardData && brings(event, clipboardData)) {
      take(picture(clipboardData) ?? brought(clipboardData, keep));
    }
  });
}

/** Give files as an input has them, in their folders. @param {File[]} files @returns {Source} */
function chosen(files) {
  return files.map((file) => ({ file, path: file.webkitRelativePath.replace(/[^/]*$/, "") }));
}

/** Give a picture a name: browsers call every one that is pasted the same. @param {DataTransfer} transfer */
function picture({ files: [file, more] }) {
  const at = new Date().toLocaleString("sv").replaceAll(":", ".");
  return file?.name === "image.png" && !more
    ? chosen([new File([file], `${t("Pasted {at}", { at })}.png`, file)])
    : null;
}

/**
 * @param {DataTransfer} transfer
 * @param {(handle: FileSystemHandle) => void} keep
 */
function brought({ items, files }, keep) {
  const those = [...items].filter(({ kind }) => kind === "file");
  for (const item of those) {
    // Only Chromium has these, and only over HTTPS or on the machine itself.
    /** @type {any} */ (item).getAsFileSystemHandle?.().then(
      (/** @type {FileSystemHandle?} */ handle) => handle && keep(handle),
      () => {},
    );
  }
  const entries = those.flatMap((item) => item.webkitGetAsEntry?.() ?? []);
  return entries.length ? each(entries, "") : chosen([...files]);
}

/**
 * Read folders to their ends.
 *
 * @param {FileSystemEntry[]} entries
 * @param {string} path
 * @returns {AsyncIterable<Found>}
 */
async function* each(entries, path) {
  for (const entry of entries) {
    try {
      if (entry.isFile) {
        yield { path, file: await got((yes, no) => /** @type {FileSystemFileEntry} */ (entry).file(yes, no)) };
      } else {
        const within = `${path}${entry.name}/`;
        yield { path: within, file: null };
        const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
        let some = /** @type {FileSystemEntry[]} */ ([]);
        do {
          // Browsers give a hundred or so at a time, and none at the end.
          some = await got((yes, no) => reader.readEntries(yes, no));
          yield* each(some, within);
        } while (some.length);
      }
    } catch {
      yield { path, file: unreadable(entry.name) };
    }
  }
}

/**
 * Read what lies behind a handle.
 *
 * @param {FileSystemHandle} handle
 * @param {string} [path]
 * @returns {AsyncIterable<Found>}
 */
export async function* behind(handle, path = "") {
  try {
    if (handle instanceof FileSystemFileHandle) {
      yield { path, file: await handle.getFile() };
    } else if (handle instanceof FileSystemDirectoryHandle) {
      const within = `${path}${handle.name}/`;
      yield { path: within, file: null };
      for await (const inner of handle.values()) {
        yield* behind(inner, within);
      }
    }
  } catch {
    yield { path, file: unreadable(handle.name) };
  }
}

/** @template Given @param {(yes: (given: Given) => void, no: () => void) => void} ask @returns {Promise<Given>} */
const got = (ask) => new Promise(ask);

/** Stand in for what can't be read, so that it fails like a file that can't be read any more. @param {string} name */
function unreadable(name) {
  const slice = () => {
    throw new DOMException();
  };
  return Object.assign(new File([], name), { slice });
}
