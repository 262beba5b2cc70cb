import { BASE } from "./base.js";
import { send as overHttp, Refusal } from "./transport.js";

/** @import { Question, Send } from "./transport.js" */

/** Seconds of silence after which storing counts as lost: a large file waits for the disk. */
const STORING = 600;

/** The address of the share whose page this is; nothing on pages of the storage itself. */
const share = globalThis.document?.getElementById("uploads")?.dataset.share;

/** What the addresses of the upload API's calls begin with. */
const CALLS = share ? `${share}/upload/` : `${BASE}/api/upload/`;

/** Give what somebody writes beside the files that they send through a share, as the end of a call does. */
function words() {
  if (!share) {
    return "";
  }
  const fields = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("#sender, #note"));
  return `&${new URLSearchParams(Array.from(fields, ({ name, value }) => [name, value.trim()]))}`;
}

/**
 * @typedef {object} Identity
 * @property {string} folder path of the folder, percent-encoded as in links
 * @property {string} name
 * @property {number} size bytes
 * @property {string} fingerprint
 */

/** @typedef {Identity & { session: string }} Stated random, so that a client takes its own older connection over */

/** @typedef {{ offset: number, maxChunk?: number }} Standing bytes that have arrived, and that fit into a request */

/**
 * @typedef {object} Stored where a file stands now
 * @property {string} [path] where its name may not be the one that was asked for
 * @property {string | null} href null where it can't be seen
 */

/** @typedef {ReturnType<typeof callsFor>} Calls */

/**
 * Give the four calls of the upload API for one file. Each states size and fingerprint, so that two files never mix; each
 * throws a `Refusal`, or the reason of its signal.
 *
 * @param {Stated} stated
 * @param {Send} send
 */
export function callsFor({ folder, name, size, fingerprint, session }, send = overHttp) {
  const place = share ? "" : `dir=${folder}&`; // a share has only one
  const query = `${place}${new URLSearchParams({ name, size: String(size), fingerprint, session })}`;
  /** @param {string} call @param {Omit<Question, "url">} rest @param {string} more parameters */
  const ask = (call, rest, more = "") => send({ url: `${CALLS}${call}?${query}${more}`, ...rest });

  const href = `${BASE}/-/tree${folder}${encodeURIComponent(name)}`;
  let tried = false;

  const calls = {
    /** What is to become of the file where its name is taken: `rename`, `replace` or `refuse`. */
    conflict: "rename",

    /** Ask how many bytes have arrived. @param {AbortSignal} [signal] */
    offset: (signal) => /** @type {Promise<Standing>} */ (ask("offset", { method: "GET", signal })),

    /**
     * Send the next bytes.
     *
     * @param {number} offset where they begin
     * @param {ArrayBuffer} body
     * @param {AbortSignal} signal
     * @param {(bytes: number) => void} onProgress told how many of them have left
     * @returns {Promise<{ nextOffset: number }>} how many bytes of the file have arrived now
     */
    chunk: (offset, body, signal, onProgress) =>
      /** @type {Promise<any>} */ (ask("chunk", { body, signal, onProgress }, `&offset=${offset}`)),

    /**
     * Store the file in one request, outside of the upload API, if nothing has its name; not for pages of shares, nor for
     * empty files. A repeat only finds out whether that has come about: of a lost answer nobody knows what it was, and a
     * browser or proxy may have sent the request twice by itself.
     *
     * @param {ArrayBuffer} body
     * @param {AbortSignal} signal
     * @param {(bytes: number) => void} onProgress told how many bytes of it have left
     * @returns {Promise<Stored>}
     */
    async whole(body, signal, onProgress) {
      if (!tried) {
        tried = true;
        return /** @type {any} */ (send({ method: "PUT", url: href, body, signal, onProgress }));
      }
      // One byte more than it has, of what may be any other file.
      const there = await fetch(href, { signal, headers: { Range: `bytes=0-${size}` } }).catch(() => null);
      if (there?.ok && `${new Uint8Array(await there.arrayBuffer())}` === `${new Uint8Array(body)}`) {
        return { href };
      }
      throw new Refusal(there?.status ?? 0);
    },

    /** Have the file stored under its name. A repeat gives the same answer and stores nothing again.
     *
     * @param {AbortSignal} signal
     */
    complete: (signal) =>
      /** @type {Promise<Stored>} */ (
        ask("complete", { signal, silence: STORING }, `&conflict=${calls.conflict}${words()}`)
      ),

    /** Drop what has arrived. @param {AbortSignal} [signal] */
    abandon: (signal) => ask("abandon", { signal }),
  };
  return calls;
}
