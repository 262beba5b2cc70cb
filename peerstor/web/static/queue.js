/** @import { Upload } from "./upload.js" */

/** Files sent at once: two hide the pauses between chunks, more would only share the line. */
const LARGE_AT_ONCE = 2;

/** Of files that are through in a moment most of the time goes into asking and answering: more hide that. */
const SMALL_AT_ONCE = 4;
const SMALL = 1024 * 1024;

/**
 * Give what has an upload stand in line: they run in the order in which they were chosen, never two of one name at once.
 *
 * @returns {(upload: Upload) => void}
 */
export function queue() {
  /** @type {Set<Upload>} */
  const waiting = new Set();
  /** @type {Set<Upload>} */
  const running = new Set();

  function advance() {
    for (const upload of waiting) {
      if (running.size >= (upload.size < SMALL ? SMALL_AT_ONCE : LARGE_AT_ONCE)) {
        return;
      }
      if (upload.state !== "queued") {
        waiting.delete(upload); // comes again when it goes on
      } else if (![...running].some(({ label }) => label === upload.label)) {
        waiting.delete(upload);
        running.add(upload);
        upload.run().finally(() => {
          running.delete(upload);
          advance();
        });
      }
    }
  }
  return (upload) => {
    waiting.add(upload);
    advance();
  };
}
