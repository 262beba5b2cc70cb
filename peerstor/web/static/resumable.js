import { Refusal } from "./calls.js";
import { ConnectionLost } from "./transport.js";

/** @import { Calls, Stored } from "./calls.js" */
/** @import { Backoff } from "./backoff.js" */

/** Bytes a request. What arrived of a chunk that was cut is kept, so larger ones would only cost memory. */
export const CHUNK = 8 * 1024 * 1024;

/** Statuses that pass by themselves. 501, 505 and 507 don't. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);
const PASSING_CODES = new Set(["busy", "cut"]);

/** The file on this side can't be read any more, or has changed since it was chosen. */
export class SourceLost extends Error {}

/**
 * @typedef {object} Observer
 * @property {(bytes: number) => void} sent how many bytes of the file have left
 * @property {(bytes: number) => void} arrived how many bytes of the file the server has
 * @property {(seconds: number, error: Error) => void} waiting a retry follows after so many seconds
 * @property {() => void} finishing all has arrived and is being stored
 */

/** Brings one file to the server, from wherever it is there, through whatever passes by itself. */
export class Transfer {
  #file;
  #calls;
  #backoff;
  #rest;
  #observer;
  #chunk;
  /** Where the upload is; null while only the server knows. */
  #offset = /** @type {number | null} */ (null);
  #furthest = 0;

  /**
   * @param {object} collaborators
   * @param {Blob} collaborators.file
   * @param {Calls} collaborators.calls
   * @param {Backoff} collaborators.backoff
   * @param {(seconds: number, signal: AbortSignal) => Promise<void>} collaborators.rest waits
   * @param {Observer} collaborators.observer
   * @param {boolean} [collaborators.allSent] all bytes had arrived when the page was left: only the answer may be missing
   * @param {number} [collaborators.chunk] bytes a request
   */
  constructor({ file, calls, backoff, rest, observer, allSent = false, chunk = CHUNK }) {
    this.#file = file;
    this.#calls = calls;
    this.#backoff = backoff;
    this.#rest = rest;
    this.#observer = observer;
    this.#chunk = chunk;
    if (allSent) {
      this.#offset = file.size;
    }
  }

  /**
   * Send what is missing and have the file stored.
   *
   * May be called again after it has thrown.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<Stored>}
   * @throws {Refusal} for good, with the server's words; `other_upload` where another file of this name was begun
   * @throws {SourceLost}
   * @throws the reason of the signal, once that is aborted
   */
  async run(signal) {
    for (;;) {
      try {
        if (this.#offset === null) {
          this.#arrived(await this.#calls.offset(signal));
        } else if (this.#offset < this.#file.size) {
          this.#arrived(await this.#sendFrom(this.#offset, signal));
        } else {
          this.#observer.finishing();
          return await this.#calls.complete(signal);
        }
      } catch (error) {
        await this.#recover(error, signal);
      }
    }
  }

  /**
   * @param {number} offset
   * @param {AbortSignal} signal
   */
  async #sendFrom(offset, signal) {
    const bytes = await read(this.#file.slice(offset, offset + this.#chunk));
    return await this.#calls.chunk(offset, bytes, signal, (sent) => this.#observer.sent(offset + sent));
  }

  /** @param {number} offset */
  #arrived(offset) {
    if (offset > this.#furthest) {
      this.#furthest = offset;
      this.#backoff.reset();
    }
    this.#offset = offset;
    this.#observer.arrived(offset);
  }

  /**
   * Prepare another try, or throw what no other try would mend.
   *
   * @param {unknown} error
   * @param {AbortSignal} signal
   */
  async #recover(error, signal) {
    if (signal.aborted) {
      this.#forgetOffset();
      throw signal.reason;
    }
    if (error instanceof Refusal && error.code === "offset_mismatch" && error.offset !== null) {
      if (error.offset === this.#offset || error.offset > this.#file.size) {
        throw error; // the server contradicts itself, or has more than there is
      }
      const grew = error.offset > this.#furthest;
      this.#arrived(error.offset);
      if (!grew) {
        await this.#wait(error, signal);
      }
    } else if (passes(error)) {
      this.#forgetOffset();
      await this.#wait(error, signal);
    } else {
      this.#forgetOffset();
      throw error;
    }
  }

  /** A chunk that failed may have arrived in part. `complete` is asked again instead: once done, the offset is 0. */
  #forgetOffset() {
    if (this.#offset !== this.#file.size) {
      this.#offset = null;
    }
  }

  /**
   * @param {ConnectionLost | Refusal} error
   * @param {AbortSignal} signal
   */
  async #wait(error, signal) {
    const seconds = this.#backoff.next(error instanceof Refusal ? error.retryAfter : null);
    this.#observer.waiting(seconds, error);
    await this.#rest(seconds, signal);
  }
}

/**
 * Tell whether another try may go well.
 *
 * @param {unknown} error
 * @returns {error is ConnectionLost | Refusal}
 */
export function passes(error) {
  if (error instanceof Refusal) {
    return PASSING.has(error.status) || PASSING_CODES.has(error.code);
  }
  return error instanceof ConnectionLost;
}

/**
 * Read before sending: the browser reports a file that has changed like a lost network.
 *
 * @param {Blob} slice
 */
async function read(slice) {
  try {
    return await slice.arrayBuffer();
  } catch {
    throw new SourceLost("The file has changed or can no longer be read.");
  }
}

/**
 * Make a call that is safe to repeat until it is answered.
 *
 * @template Answer
 * @param {() => Promise<Answer>} call
 * @param {{ backoff: Backoff, rest: (seconds: number, signal: AbortSignal) => Promise<void> }} patience
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 * @throws what another try would not mend, or the reason of the signal
 */
export async function insist(call, { backoff, rest }, signal) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !passes(error)) {
        throw error;
      }
      await rest(backoff.next(error instanceof Refusal ? error.retryAfter : null), signal);
    }
  }
}
