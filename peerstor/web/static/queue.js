/** @import { Upload } from "./upload.js" */

/** Files sent at once: two hide the pauses between chunks, more would only share the line. */
const AT_ONCE = 2;

/** Runs uploads in the order in which they were chosen, never two of one name at once. */
export class Queue {
  /** @type {Upload[]} */
  uploads = [];
  #running = /** @type {Set<Upload>} */ (new Set());

  /** @param {Upload} upload */
  add(upload) {
    this.uploads.push(upload);
    this.advance();
  }

  /** @param {Upload} upload */
  remove(upload) {
    this.uploads = this.uploads.filter((known) => known !== upload);
  }

  /** Start whatever may start now. */
  advance() {
    for (const upload of this.uploads) {
      if (this.#running.size < AT_ONCE && upload.state === "queued" && !this.#busy(upload.name)) {
        this.#running.add(upload);
        upload.run().finally(() => {
          this.#running.delete(upload);
          this.advance();
        });
      }
    }
  }

  /** @param {string} name */
  #busy(name) {
    return [...this.#running].some((upload) => upload.name === name);
  }
}
