/** @import { Upload } from "./upload.js" */

/** Files sent at once: two hide the pauses between chunks, more would only share the line. */
const LARGE_AT_ONCE = 2;

/** Of files that are through in a moment most of the time goes into asking and answering: more hide that. */
const SMALL_AT_ONCE = 4;
const SMALL = 1024 * 1024;

/** Runs uploads in the order in which they were chosen, never two of one name at once. */
export class Queue {
  #waiting = /** @type {Set<Upload>} */ (new Set());
  #running = /** @type {Set<Upload>} */ (new Set());

  /** Have an upload stand in line. @param {Upload} upload */
  add(upload) {
    this.#waiting.add(upload);
    this.#advance();
  }

  #advance() {
    for (const upload of this.#waiting) {
      if (this.#running.size >= (upload.size < SMALL ? SMALL_AT_ONCE : LARGE_AT_ONCE)) {
        return;
      }
      if (upload.state !== "queued") {
        this.#waiting.delete(upload); // comes again when it goes on
      } else if (![...this.#running].some(({ label }) => label === upload.label)) {
        this.#waiting.delete(upload);
        this.#running.add(upload);
        upload.run().finally(() => {
          this.#running.delete(upload);
          this.#advance();
        });
      }
    }
  }
}
