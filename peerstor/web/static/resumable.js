import { Backoff, NEVER, rest } from "./backoff.js";
import { Refusal } from "./transport.js";

/** @import { Calls, Standing, Stored } from "./calls.js" */
/** @import { ChunkSize } from "./chunksize.js" */

/** Statuses and codes that pass by themselves, Cloudflare's own among them; 0 is no answer. 501, 505 and 507 don't. */
const PASSING = [0, 408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, "busy", "cut"];

/** Statuses by which a proxy tells that the bytes, or the server's answer, didn't come in time; so may none. */
const GIVEN_UP = [0, 408, 502, 504, 524];

/**
 * @typedef {object} Observer
 * @property {(bytes: number) => void} sent how many bytes of the file have left
 * @property {(bytes: number) => void} arrived how many bytes of the file the server has
 * @property {(error: Refusal) => void} waiting a retry follows
 * @property {() => void} finishing all has arrived and is being stored
 */

/**
 * Give what brings one file to the server, from wherever it is there, through whatever passes by itself. It ends when
 * the file is stored; may be called again after it has thrown: a `Refusal` for good, with the server's words
 * (`other_upload` where another file of this name was begun), a `DOMException` where the file can't be read any more or
 * has changed since it was chosen, or the reason of the signal, once that is aborted.
 *
 * @param {object} collaborators
 * @param {Blob} collaborators.file
 * @param {Calls} collaborators.calls
 * @param {Observer} collaborators.observer
 * @param {ChunkSize} collaborators.chunk how much to send at once
 * @param {Backoff} [collaborators.backoff]
 * @param {(seconds: number, signal: AbortSignal) => Promise<void>} [collaborators.rest] waits
 * @param {number | null} [collaborators.at] where the upload is, bytes; null while only the server knows. Where all had
 *   arrived when the page was left, only the answer may be missing.
 * @param {number} [collaborators.whole] how many refusals it takes until it is no longer tried to bring all of it in one
 *   request, which spares small files most of the asking and answering: one for the request, one for what has become of
 *   it. Whatever is wrong with that, the calls of the upload API tell it.
 * @returns {(signal: AbortSignal) => Promise<Stored>}
 */
export function transfer({
  file,
  calls,
  observer,
  chunk,
  backoff = new Backoff(),
  rest: pause = rest,
  at = null,
  whole: tries = 0,
}) {
  const { size } = file;
  let furthest = 0;
  /** The last chunk, as long as nobody knows whether anything of it has arrived. @type {{ offset: number, bytes: number } | null} */
  let unsure = null;

  /** @param {number} offset @param {AbortSignal} signal */
  async function sendFrom(offset, signal) {
    // Read before it is sent: the browser reports a file that has changed like a lost network.
    const body = await file.slice(offset, offset + chunk.bytes).arrayBuffer();
    unsure = { offset, bytes: body.byteLength };
    const { nextOffset } = await calls.chunk(offset, body, signal, (sent) => observer.sent(offset + sent));
    unsure = null;
    chunk.passed();
    arrived(nextOffset);
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

  /** @param {number} offset @returns {boolean} whether that is further than ever before */
  function arrived(offset) {
    const grew = offset > furthest;
    if (grew) {
      furthest = offset;
      backoff.reset();
    }
    at = offset;
    observer.arrived(offset);
    return grew;
  }

  /** Prepare another try, or throw what no other try would mend. @param {any} error @param {AbortSignal} signal */
  async function recover(error, signal) {
    const { status, code, offset } = error;
    const [before, sent] = [at, unsure?.bytes ?? 0];
    if (signal.aborted || !GIVEN_UP.includes(status)) {
      unsure = null;
    }
    if (at !== size) {
      at = null; // a chunk that failed may have arrived in part; `complete` is asked again: once done, the offset is 0
    }
    if (signal.aborted) {
      throw signal.reason;
    }
    // Else the server contradicts itself, or has more than there is.
    const isNews = code === "offset_mismatch" && offset !== before && offset <= size;
    if (isNews ? arrived(offset) : status === 413 && !code && chunk.refused(sent)) {
      return;
    }
    if (!isNews && !passes(error)) {
      if (tries) {
        tries -= 1;
        return;
      }
      throw error;
    }
    observer.waiting(error);
    await pause(backoff.next(error.retryAfter), signal);
  }

  return async (signal) => {
    for (;;) {
      try {
        if (tries) {
          return await calls.whole(await file.arrayBuffer(), signal, observer.sent);
        }
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

/** Tell whether another try may go well. @param {unknown} error @returns {error is Refusal} */
const passes = (error) =>
  error instanceof Refusal && (PASSING.includes(error.status) || PASSING.includes(error.code));

/**
 * Make a call that is safe to repeat until it is answered.
 *
 * @template Answer
 * @param {(signal: AbortSignal) => Promise<Answer>} call
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 * @throws what another try would not mend, or the reason of the signal
 */
export async function insist(call, signal = NEVER) {
  const backoff = new Backoff();
  for (;;) {
    try {
      return await call(signal);
    } catch (error) {
      if (signal.aborted || !passes(error)) {
        throw error;
      }
      await rest(backoff.next(error.retryAfter), signal);
    }
  }
}
