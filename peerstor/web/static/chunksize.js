const KIB = 1024;

/** Bytes a request. What arrived of a chunk that was cut is kept, so larger ones would only cost memory. */
const MOST = 8 * 1024 * KIB;

/** No proxy that lets uploads through at all is known to take less. */
const LEAST = 64 * KIB;

/** Chunks that have to pass before larger ones are tried again: a try that fails costs more than it may bring. */
const CALM = 4;

/** How much to send at once: as much as gets through whatever stands before the server. All uploads share one. */
export class ChunkSize {
  #bytes;
  #limit;
  #passed = 0;

  /** @param {number} most bytes to begin with, and never more */
  constructor(most = MOST) {
    this.#bytes = most;
    this.#limit = most;
  }

  /** Bytes that the next request may have. */
  get bytes() {
    return this.#bytes;
  }

  /**
   * Heed what the server knows.
   *
   * @param {number | null} limit bytes; null where it knows of none
   */
  told(limit) {
    if (limit !== null && limit > 0) {
      this.#limit = Math.min(this.#limit, limit);
      this.#bytes = Math.min(this.#bytes, limit);
    }
  }

  /**
   * Learn that a request was too large: one of that size is never tried again.
   *
   * @param {number} bytes
   * @returns {boolean} whether a smaller one is worth a try
   */
  refused(bytes) {
    if (bytes <= LEAST) {
      return false;
    }
    this.told(Math.max(LEAST, Math.floor(bytes / 2)));
    return true;
  }

  /**
   * Learn that nothing of a request has arrived. Its size may have been why: a proxy that keeps it until it is
   * complete has little time for it, or cuts what it finds too large.
   *
   * @param {number} bytes
   */
  lost(bytes) {
    this.#passed = 0;
    this.#bytes = Math.min(this.#bytes, Math.max(LEAST, Math.floor(bytes / 2)));
  }

  /** Learn that a request got through. */
  passed() {
    this.#passed += 1;
    if (this.#passed >= CALM) {
      this.#passed = 0;
      this.#bytes = Math.min(this.#limit, this.#bytes * 2);
    }
  }
}
