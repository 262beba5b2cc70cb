import { Backoff, rest } from "./backoff.js";
import { Refusal } from "./calls.js";
import { t } from "./texts.js";
import { ConnectionLost } from "./transport.js";

/** @import { Calls, Standing, Stored } from "./calls.js" */
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

/**
 * Give what brings one file to the server, from wherever it is there, through whatever passes by itself. It ends when
 * the file is stored; may be called again after it has thrown: a `Refusal` for good, with the server's words
 * (`other_upload` where another file of this name was begun), a `SourceLost`, or the reason of the signal, once that is
 * aborted.
 *
 * @param {object} collaborators
 * @param {Blob} collaborators.file
 * @param {Calls} collaborators.calls
 * @param {Observer} collaborators.observer
 * @param {ChunkSize} collaborators.chunk how much to send at once
 * @param {Backoff} [collaborators.backoff]
 * @param {(seconds: number, signal: AbortSignal) => Promise<void>} [collaborators.rest] waits
 * @param {boolean} [collaborators.begun] some of it may be there already
 * @param {boolean} [collaborators.allSent] all bytes had arrived when the page was left: only the answer may be missing
 * @returns {(signal: AbortSignal) => Promise<Stored>}
 */
export function transfer({
  file,
  calls,
  observer,
  chunk,
  backoff = new Backoff(),
  rest: pause = rest,
  begun = true,
  allSent = false,
}) {
  const { size } = file;
  /** Where the upload is; null while only the server knows. */
  let at = /** @type {number | null} */ (allSent ? size : begun ? null : 0);
  let furthest = 0;
  /** The last chunk, as long as nobody knows whether anything of it has arrived. */
  let unsure = /** @type {{ offset: number, bytes: number } | null} */ (null);

  /** @param {number} offset @param {AbortSignal} signal */
  async function sendFrom(offset, signal) {
    const body = await read(file.slice(offset, offset + chunk.bytes));
    unsure = { offset, bytes: body.byteLength };
    const next = await calls.chunk(offset, body, signal, (sent) => observer.sent(offset + sent));
    unsure = null;
    chunk.passed();
    arrived(next);
  }

  /** @param {Standing} standing */
  function stands({ offset, maxChunk }) {
    chunk.told(maxChunk);
    if (unsure && offset <= unsure.offset) {
      chunk.lost(unsure.bytes);
    }
    unsure = null;
    arrived(offset);
  }

  /** @param {number} offset */
  function arrived(offset) {
    if (offset > furthest) {
      furthest = offset;
      backoff.reset();
    }
    at = offset;
    observer.arrived(offset);
  }

  /** Prepare another try, or throw what no other try would mend. @param {unknown} error @param {AbortSignal} signal */
  async function recover(error, signal) {
    const sent = unsure?.bytes ?? 0;
    if (signal.aborted || !givesUp(error)) {
      unsure = null;
    }
    if (!signal.aborted && error instanceof Refusal && error.code === "offset_mismatch" && error.offset !== null) {
      const { offset } = error;
      if (offset === at || offset > size) {
        throw error; // the server contradicts itself, or has more than there is
      }
      const grew = offset > furthest;
      arrived(offset);
      if (!grew) {
        await wait(error, signal);
      }
      return;
    }
    if (at !== size) {
      at = null; // a chunk that failed may have arrived in part; `complete` is asked again: once done, the offset is 0
    }
    if (signal.aborted) {
      throw signal.reason;
    }
    if (isTooLargeForProxy(error) && chunk.refused(sent)) {
      return;
    }
    if (!passes(error)) {
      throw error;
    }
    await wait(error, signal);
  }

  /** @param {ConnectionLost | Refusal} error @param {AbortSignal} signal */
  async function wait(error, signal) {
    const seconds = backoff.next(error instanceof Refusal ? error.retryAfter : null);
    observer.waiting(seconds, error);
    await pause(seconds, signal);
  }

  return async (signal) => {
    for (;;) {
      try {
        if (at === null) {
          stands(await calls.offset(signal));
        } else if (at < size) {
          await sendFrom(at, signal);
        } else {
          observer.finishing();
          return await calls.complete(signal);
        }
      } catch (error) {
        await recover(error, signal);
      }
    }
  };
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
    throw new SourceLost(t("The file has changed or can no longer be read."));
  }
}

/**
 * Make a call that is safe to repeat until it is answered.
 *
 * @template Answer
 * @param {() => Promise<Answer>} call
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 * @throws what another try would not mend, or the reason of the signal
 */
export async function insist(call, signal) {
  const backoff = new Backoff();
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
