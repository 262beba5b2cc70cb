import { Refusal } from "./calls.js";
import { ConnectionLost } from "./transport.js";

/** @import { Calls, Standing, Stored } from "./calls.js" */
/** @import { Backoff } from "./backoff.js" */
/** @import { ChunkSize } from "./chunksize.js" */

/** Statuses that pass by themselves, Cloudflare's own among them. 501, 505 and 507 don't. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524]);
const PASSING_CODES = new Set(["busy", "cut"]);

/** Statuses by which a proxy tells that the bytes, or the server's answer, didn't come in time. */
const GIVEN_UP = new Set([408, 502, 504, 524]);

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
  /** The last chunk, as long as nobody knows whether anything of it has arrived. */
  #unsure = /** @type {{ offset: number, bytes: number } | null} */ (null);
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
   * @param {ChunkSize} collaborators.chunk how much to send at once
   * @param {boolean} [collaborators.begun] some of it may be there already
   * @param {boolean} [collaborators.allSent] all bytes had arrived when the page was left: only the answer may be missing
   */
  constructor({ file, calls, backoff, rest, observer, chunk, begun = true, allSent = false }) {
    this.#file = file;
    this.#calls = calls;
    this.#backoff = backoff;
    this.#rest = rest;
    this.#observer = observer;
    this.#chunk = chunk;
    if (allSent || !begun) {
      this.#offset = allSent ? file.size : 0;
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
          this.#stands(await this.#calls.offset(signal));
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
    const body = await read(this.#file.slice(offset, offset + this.#chunk.bytes));
    this.#unsure = { offset, bytes: body.byteLength };
    const next = await this.#calls.chunk(offset, body, signal, (sent) => this.#observer.sent(offset + sent));
    this.#unsure = null;
    this.#chunk.passed();
    return next;
  }

  /** @param {Standing} standing */
  #stands({ offset, maxChunk }) {
    this.#chunk.told(maxChunk);
    if (this.#unsure && offset <= this.#unsure.offset) {
      this.#chunk.lost(this.#unsure.bytes);
    }
    this.#unsure = null;
    this.#arrived(offset);
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
    const sent = this.#unsure?.bytes ?? 0;
    if (signal.aborted || !givesUp(error)) {
      this.#unsure = null;
    }
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
    } else if (isTooLargeForProxy(error) && this.#chunk.refused(sent)) {
      this.#forgetOffset();
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
 * Tell whether an upload may have been lost since it took too long or was too large.
 *
 * @param {unknown} error
 */
function givesUp(error) {
  return error instanceof ConnectionLost || (error instanceof Refusal && GIVEN_UP.has(error.status));
}

/**
 * Tell whether something before the server takes no request so large; the server itself gives a reason in its words.
 *
 * @param {unknown} error
 */
function isTooLargeForProxy(error) {
  return error instanceof Refusal && error.status === 413 && error.code === "";
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
