import { rest } from "./backoff.js";
import { browse } from "./browse.js";
import { Card } from "./card.js";
import { ChunkSize } from "./chunksize.js";
import { find } from "./elements.js";
import { refresh } from "./listing.js";
import { Memory, storage } from "./memory.js";
import { Queue } from "./queue.js";
import { send } from "./transport.js";
import { Unfinished } from "./unfinished.js";
import { MOVING, Upload } from "./upload.js";
import { percent } from "./words.js";

/** Puts resumable uploads on the page of a folder. */
class UploadsOnPage {
  #section;
  #list;
  #chooser;
  #folder;
  #title = document.title;
  #memory = new Memory(storage());
  #queue = new Queue();
  #chunk = new ChunkSize();
  #cards = /** @type {Map<Upload, Card>} */ (new Map());
  #unfinished;
  #refreshing = Promise.resolve();

  /** @param {HTMLElement} section */
  constructor(section) {
    this.#section = section;
    this.#list = find(section, "#running", HTMLElement);
    this.#chooser = find(document, "#chosen", HTMLInputElement);
    this.#folder = section.dataset.folder ?? "/";
    this.#unfinished = new Unfinished({
      folder: this.#folder,
      memory: this.#memory,
      send,
      choose: () => this.#chooser.click(),
      list: find(section, "#unfinished", HTMLElement),
    });
  }

  /** Take orders from here on. */
  async start() {
    find(document, "#choose", HTMLElement).addEventListener("click", () => this.#chooser.click());
    this.#chooser.addEventListener("change", () => {
      this.#add([...(this.#chooser.files ?? [])]);
      this.#chooser.value = ""; // so that the same file may be chosen again
    });
    this.#takeDrops();
    globalThis.addEventListener("beforeunload", (event) => {
      if (this.#queue.uploads.some((upload) => MOVING.has(upload.state))) {
        event.preventDefault();
      }
    });
    await this.#unfinished.show();
    this.#showSection();
  }

  /** @param {File[]} files */
  #add(files) {
    for (const file of files) {
      const upload = new Upload({
        file,
        folder: this.#folder,
        memory: this.#memory,
        send,
        rest,
        chunk: this.#chunk,
        changed: (changed) => this.#changed(changed),
      });
      const card = new Card(upload, {
        pause: () => upload.pause(),
        again: () => this.#retry(() => upload.again()),
        discard: () => this.#retry(() => upload.discardOther()),
        cancel: () => upload.cancel(),
        close: () => this.#remove(upload),
      });
      this.#cards.set(upload, card);
      this.#list.append(card.element);
      card.show();
      this.#queue.add(upload);
    }
    this.#showSection();
  }

  /** @param {() => void} prepare */
  #retry(prepare) {
    prepare();
    this.#queue.advance();
  }

  /** @param {Upload} upload */
  #changed(upload) {
    this.#cards.get(upload)?.show();
    if (upload.identity) {
      this.#unfinished.chosen(upload.name, upload.identity.fingerprint);
    }
    if (upload.state === "done") {
      // One after the other, so that an older listing never comes last.
      this.#refreshing = this.#refreshing.then(refresh).catch(() => {}); // a reload shows it too
    } else if (upload.state === "cancelled") {
      this.#remove(upload);
    }
    this.#showTitle();
  }

  /** @param {Upload} upload */
  #remove(upload) {
    const element = this.#cards.get(upload)?.element;
    const held = element?.contains(document.activeElement);
    element?.remove();
    this.#cards.delete(upload);
    this.#queue.remove(upload);
    this.#showSection();
    if (held) {
      find(document, "#choose", HTMLElement).focus();
    }
  }

  #showSection() {
    this.#section.hidden = !this.#section.querySelector("li");
  }

  #showTitle() {
    const moving = this.#queue.uploads.filter((upload) => MOVING.has(upload.state));
    const [sent, size] = [total(moving, "sent"), total(moving, "size")];
    document.title = moving.length ? `${percent(sent, size)} % · ${this.#title}` : this.#title;
  }

  #takeDrops() {
    const { body } = document;
    body.addEventListener("dragover", (event) => {
      if (event.dataTransfer?.types.includes("Files")) {
        event.preventDefault();
        body.classList.add("dropping");
      }
    });
    body.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) {
        body.classList.remove("dropping");
      }
    });
    body.addEventListener("drop", (event) => {
      body.classList.remove("dropping");
      if (event.dataTransfer?.files.length && !(event.target instanceof HTMLInputElement)) {
        event.preventDefault();
        this.#add([...event.dataTransfer.files]);
      }
    });
  }
}

/**
 * @param {Upload[]} uploads
 * @param {"sent" | "size"} what
 */
function total(uploads, what) {
  return uploads.reduce((sum, upload) => sum + upload[what], 0);
}

document.documentElement.classList.add("scripted");
browse();
const section = document.getElementById("uploads");
if (section) {
  await new UploadsOnPage(section).start();
}
