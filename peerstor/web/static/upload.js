import { Backoff } from "./backoff.js";
import { Calls, Refusal } from "./calls.js";
import { fingerprintOf } from "./fingerprint.js";
import { Progress } from "./progress.js";
import { insist, SourceLost, Transfer } from "./resumable.js";

/** @import { Identity, Stored } from "./calls.js" */
/** @import { ChunkSize } from "./chunksize.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Send } from "./transport.js" */

/**
 * @typedef {"queued" | "reading" | "sending" | "waiting" | "finishing" | "paused" | "asking" | "stopped" | "done"
 *   | "cancelled"} State
 */

/** States in which an upload is on its way by itself. */
export const MOVING = new Set(/** @type {State[]} */ (["queued", "reading", "sending", "waiting", "finishing"]));

/** Milliseconds between two notes in the browser's storage. */
const REMEMBER_EVERY = 500;

const PAUSED = Symbol("paused");
const CANCELLED = Symbol("cancelled");

/** One chosen file on its way to the server. */
export class Upload {
  /** @type {State} */
  state = "queued";
  /** Bytes that have left, and of those the ones that the server is known to have. */
  sent = 0;
  arrived = 0;
  /** Why it waits or has stopped, in words. */
  message = "";
  /** Of the other upload of this name, where there is one: bytes, and seconds since it was begun. */
  other = { offset: 0, age: /** @type {number | null} */ (null) };
  /** @type {Stored | null} */
  stored = null;
  /** @type {Identity | null} */
  identity = null;
  progress = new Progress();

  #folder;
  #memory;
  #send;
  #rest;
  #chunk;
  #changed;
  #controller = new AbortController();
  #calls = /** @type {Calls | null} */ (null);
  #transfer = /** @type {Transfer | null} */ (null);
  #discardOther = false;
  #remembered = 0;
  #session = "";
  #owned = false;
  #running = false;

  /**
   * @param {object} parts
   * @param {File} parts.file
   * @param {string} parts.folder path of the folder, percent-encoded as in links
   * @param {Memory} parts.memory
   * @param {Send} parts.send
   * @param {(seconds: number, signal: AbortSignal) => Promise<void>} parts.rest
   * @param {ChunkSize} parts.chunk how much to send at once
   * @param {(upload: Upload) => void} parts.changed called after each change
   */
  constructor({ file, folder, memory, send, rest, chunk, changed }) {
    this.file = file;
    this.#folder = folder;
    this.#memory = memory;
    this.#send = send;
    this.#rest = rest;
    this.#chunk = chunk;
    this.#changed = changed;
  }

  get name() {
    return this.file.name;
  }

  get size() {
    return this.file.size;
  }

  /** Go as far as it gets by itself. Never throws: how it ended is the state. */
  async run() {
    this.#controller = new AbortController();
    this.#running = true;
    this.progress.restart();
    try {
      const { calls, transfer } = await this.#prepare();
      if (this.#discardOther) {
        this.#become("sending");
        await this.#abandon(calls, this.#controller.signal);
        this.#discardOther = false;
      }
      this.stored = await transfer.run(this.#controller.signal);
      this.#forget();
      this.#become("done");
    } catch (error) {
      await this.#stopped(error);
    } finally {
      this.#running = false;
    }
  }

  /** Stop sending; what has arrived stays. */
  pause() {
    if (this.#running) {
      this.#controller.abort(PAUSED);
    } else {
      this.#become("paused");
    }
  }

  /** Stand in line again after a pause, or after what had stopped it. */
  again() {
    this.#become("queued");
  }

  /** Throw the other upload of this name away and stand in line. */
  discardOther() {
    this.#discardOther = true;
    this.#become("queued");
  }

  /** Stop, and have the server drop what has arrived of this file; another file of this name stays. */
  cancel() {
    if (this.#running) {
      this.#controller.abort(CANCELLED);
    } else {
      this.#dropped();
    }
  }

  /** @returns {Promise<{ calls: Calls, transfer: Transfer }>} */
  async #prepare() {
    if (this.#calls && this.#transfer) {
      return { calls: this.#calls, transfer: this.#transfer };
    }
    this.#become("reading");
    const { name, size } = this.file;
    this.identity = { folder: this.#folder, name, size, fingerprint: await fingerprintOf(this.file) };
    this.#session = this.#memory.session(this.identity);
    const calls = new Calls({ ...this.identity, session: this.#session }, this.#send);
    const transfer = new Transfer({
      file: this.file,
      calls,
      backoff: new Backoff(),
      rest: this.#rest,
      chunk: this.#chunk,
      allSent: size > 0 && this.#memory.sent(this.identity) === size,
      observer: {
        sent: (bytes) => this.#moved(bytes),
        arrived: (bytes) => this.#confirmed(bytes),
        waiting: (_, error) => this.#become("waiting", error instanceof Refusal ? error.message : ""),
        finishing: () => this.#finishing(),
      },
    });
    this.#calls = calls;
    this.#transfer = transfer;
    return { calls, transfer };
  }

  /** @param {number} bytes */
  #moved(bytes) {
    this.sent = bytes;
    this.progress.note(bytes);
    this.#remember(bytes);
    this.#become("sending");
  }

  /** @param {number} bytes */
  #confirmed(bytes) {
    this.#owned = true;
    this.arrived = bytes;
    this.#moved(bytes);
  }

  #finishing() {
    this.sent = this.size;
    this.#remember(this.size, true);
    this.#become("finishing");
  }

  /**
   * @param {number} bytes
   * @param {boolean} [now] don't wait for the next time
   */
  #remember(bytes, now = false) {
    // Only `finishing` may say that all was sent: the next visit then asks for nothing but the answer.
    if (
      this.identity &&
      this.#owned &&
      (now || (bytes < this.size && Date.now() - this.#remembered > REMEMBER_EVERY))
    ) {
      this.#remembered = Date.now();
      this.#memory.remember(this.identity, this.#session, bytes);
    }
  }

  #forget() {
    if (this.identity) {
      this.#memory.forget(this.identity);
    }
  }

  /** @param {unknown} error */
  async #stopped(error) {
    if (error === PAUSED) {
      this.sent = this.arrived;
      this.#become("paused");
    } else if (error === CANCELLED) {
      await this.#dropped();
    } else if (error instanceof Refusal && error.code === "other_upload") {
      this.#owned = false;
      this.other = { offset: error.offset ?? 0, age: error.age };
      this.#become("asking");
    } else if (error instanceof Refusal || error instanceof SourceLost) {
      this.#become("stopped", error.message);
    } else if (error instanceof DOMException) {
      this.#become("stopped", "This cannot be read. A folder cannot be uploaded as a whole; choose its files.");
    } else {
      this.#become("stopped", "Something went wrong in this page. Reload it and choose the file again.");
      console.error(error);
    }
  }

  async #dropped() {
    const [calls, owned] = [this.#calls, this.#owned];
    this.#forget();
    this.#become("cancelled");
    if (calls && owned) {
      await this.#abandon(calls, new AbortController().signal).catch(() => {}); // it expires by itself
    }
  }

  /**
   * @param {Calls} calls
   * @param {AbortSignal} signal
   */
  async #abandon(calls, signal) {
    await insist(() => calls.abandon(signal), { backoff: new Backoff(), rest: this.#rest }, signal);
  }

  /**
   * @param {State} state
   * @param {string} [message]
   */
  #become(state, message = "") {
    this.state = state;
    this.message = message;
    this.#changed(this);
  }
}
