import { CALLS, place, words } from "./endpoint.js";
import { answered, t } from "./texts.js";
import { wayOutOf } from "./words.js";

/** @import { Answer, Send } from "./transport.js" */

/** Seconds of silence after which a call counts as lost. Storing a large file waits for the disk. */
const SILENCE = 60;
const SILENCE_WHILE_STORING = 600;

/** The server said no. */
export class Refusal extends Error {
  /** @param {Answer} answer */
  constructor({ status, retryAfter, told: { message, error, offset, age } }) {
    const said =
      typeof message === "string" ? answered(message) : t("The server answered with status {status}.", { status });
    super(`${said} ${wayOutOf(String(error))}`.trim());
    /** The server's words alone. */
    this.said = said;
    this.status = status;
    this.retryAfter = retryAfter;
    /** Machine-readable reason; empty where a proxy answered. */
    this.code = String(error ?? "");
    /** Where the upload is, bytes. */
    this.offset = typeof offset === "number" ? offset : null;
    /** How long ago the other upload was begun, seconds. */
    this.age = typeof age === "number" ? age : null;
  }
}

/**
 * @typedef {object} Identity
 * @property {string} folder path of the folder, percent-encoded as in links
 * @property {string} name
 * @property {number} size bytes
 * @property {string} fingerprint
 */

/** @typedef {Identity & { session: string }} Stated random, so that a client takes its own older connection over */

/** @typedef {{ offset: number, maxChunk: number | null }} Standing bytes that have arrived, and that fit into a request */

/** @typedef {{ path: string, href: string }} Stored where the file stands now; no href where it can't be seen */

/** The four calls of the upload API for one file. Each states size and fingerprint, so that two files never mix. */
export class Calls {
  /** What is to become of the file where its name is taken: `rename`, `replace` or `refuse`. */
  conflict = "rename";
  #query;
  #send;

  /**
   * @param {Stated} stated
   * @param {Send} send
   */
  constructor({ folder, name, size, fingerprint, session }, send) {
    this.#query = `${place(folder)}${new URLSearchParams({ name, size: String(size), fingerprint, session })}`;
    this.#send = send;
  }

  /**
   * Ask how many bytes have arrived.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<Standing>}
   * @throws {Refusal | ConnectionLost}
   */
  async offset(signal) {
    const { offset, maxChunk } = await this.#call("GET", "offset", { signal });
    return { offset: Number(offset), maxChunk: typeof maxChunk === "number" ? maxChunk : null };
  }

  /**
   * Send the next bytes.
   *
   * @param {number} offset where they begin
   * @param {ArrayBuffer} body
   * @param {AbortSignal} signal
   * @param {(bytes: number) => void} onProgress told how many of them have left
   * @returns {Promise<number>} how many bytes of the file have arrived now
   * @throws {Refusal | ConnectionLost}
   */
  async chunk(offset, body, signal, onProgress) {
    const { nextOffset } = await this.#call("POST", `chunk?offset=${offset}`, { signal, body, onProgress });
    return Number(nextOffset);
  }

  /**
   * Have the file stored under its name. A repeat gives the same answer and stores nothing again.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<Stored>}
   * @throws {Refusal | ConnectionLost}
   */
  async complete(signal) {
    const { path, href } = await this.#call("POST", `complete?conflict=${this.conflict}${words()}`, {
      signal,
      silence: SILENCE_WHILE_STORING,
    });
    return { path: String(path), href: String(href ?? "") };
  }

  /**
   * Drop what has arrived.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<void>}
   * @throws {Refusal | ConnectionLost}
   */
  async abandon(signal) {
    await this.#call("POST", "abandon", { signal });
  }

  /**
   * @param {"GET" | "POST"} method
   * @param {string} call
   * @param {{ signal: AbortSignal, silence?: number, body?: ArrayBuffer, onProgress?: (bytes: number) => void }} rest
   * @returns {Promise<Record<string, unknown>>}
   */
  async #call(method, call, { silence = SILENCE, ...rest }) {
    const url = `${CALLS}${call}${call.includes("?") ? "&" : "?"}${this.#query}`;
    const answer = await this.#send({ method, url, silence, ...rest });
    if (answer.status !== 200) {
      throw new Refusal(answer);
    }
    return answer.told;
  }
}
