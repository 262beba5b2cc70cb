const KIB = 1024;

/** Bytes a request. What arrived of a chunk that was cut is kept, so larger ones would only cost memory. */
const MOST = 8 * 1024 * KIB;

/** No proxy that lets uploads through at all is known to take less. */
const LEAST = 64 * KIB;

/** Chunks that have to pass before larger ones are tried again: a try that fails costs more than it may bring. */
const CALM = 4;

/** @typedef {ReturnType<typeof chunkSize>} ChunkSize */

/** @param {number} bytes */
const half = (bytes) => Math.max(LEAST, Math.floor(bytes / 2));

/**
 * Give how much to send at once: as much as gets through whatever stands before the server. All uploads share one.
 *
 * @param {number} most bytes to begin with, and never more
 */
export function chunkSize(most = MOST) {
  let [bytes, limit, calm] = [most, most, 0];

  /** Heed what the server knows. @param {number} most bytes; 0 where it knows of no limit */
  function told(most = 0) {
    if (most > 0) {
      limit = Math.min(limit, most);
      bytes = Math.min(bytes, most);
    }
  }

  return {
    /** Bytes that the next request may have. */
    get bytes() {
      return bytes;
    },

    told,

    /**
     * Learn that a request was too large: one of that size is never tried again.
     *
     * @param {number} size bytes
     * @returns {boolean} whether a smaller one is worth a try
     */
    refused(size) {
      const worth = size > LEAST;
      told(worth ? half(size) : 0);
      return worth;
    },

    /**
     * Learn that nothing of a request has arrived. Its size may have been why: a proxy that keeps it until it is
     * complete has little time for it, or cuts what it finds too large.
     *
     * @param {number} size bytes
     */
    lost(size) {
      calm = 0;
      bytes = Math.min(bytes, half(size));
    },

    /** Learn that a request got through. */
    passed() {
      calm = (calm + 1) % CALM;
      if (!calm) {
        bytes = Math.min(limit, bytes * 2);
      }
    },
  };
}
