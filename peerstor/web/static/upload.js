import { NEVER } from "./backoff.js";
import { Calls, Refusal } from "./calls.js";
import { fingerprintOf } from "./fingerprint.js";
import { Progress } from "./progress.js";
import { insist, SourceLost, transfer } from "./resumable.js";
import { refusalInWords, waitInWords } from "./standing.js";
import { t } from "./texts.js";
import { send } from "./transport.js";

/** @import { Identity, Stored } from "./calls.js" */
/** @import { ChunkSize } from "./chunksize.js" */
/** @import { Conflict, Lot } from "./conflicts.js" */
/** @import { Memory } from "./memory.js" */

/**
 * @typedef {"queued" | "reading" | "sending" | "waiting" | "finishing" | "paused" | "asking" | "taken" | "stopped"
 *   | "done" | "cancelled"} State
 */

/** Bytes up to which a file is sent without asking and remembering first: sending it anew is as quick. */
const SMALL = 64 * 1024;

/** Milliseconds between two notes in the browser's storage. */
const REMEMBER_EVERY = 500;

const PAUSED = Symbol("paused");
const CANCELLED = Symbol("cancelled");
const TAKEN = Symbol("taken");

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
  /** What the server is to do where the name is taken. @type {Conflict} */
  conflict = "refuse";

  #parts;
  #controller = new AbortController();
  #calls = /** @type {Calls | null} */ (null);
  #transfer = /** @type {ReturnType<typeof transfer> | null} */ (null);
  #discardOther = false;
  #remembered = 0;
  #session = "";
  #owned = false;
  #running = false;

  /**
   * @param {object} parts
   * @param {File} parts.file
   * @param {string} parts.folder path of the folder, percent-encoded as in links
   * @param {string} parts.label its name, with its folder where that isn't the page's own
   * @param {Lot} parts.lot what it was chosen with
   * @param {() => Promise<Set<string>>} parts.names has its folder be there, and gives the names taken in it
   * @param {Memory} parts.memory
   * @param {ChunkSize} parts.chunk how much to send at once
   * @param {(upload: Upload) => void} parts.changed called after each change
   */
  constructor(parts) {
    const { file, folder, label, lot } = parts;
    this.#parts = parts;
    this.name = file.name;
    this.size = file.size;
    this.folder = folder;
    this.label = label;
    this.lot = lot;
  }

  /** Go as far as it gets by itself. Never throws: how it ended is the state. */
  async run() {
    this.#controller = new AbortController();
    this.#running = true;
    this.progress.restart();
    this.#become("reading");
    try {
      const { calls, transfer } = await this.#prepare();
      calls.conflict = this.conflict;
      if (this.#discardOther) {
        this.#become("sending");
        await this.#abandon(calls, this.#controller.signal);
        this.#discardOther = false;
      }
      this.stored = await transfer(this.#controller.signal);
      this.#forget();
      this.#become("done");
      this.#running = false;
    } catch (error) {
      this.#running = false;
      await this.#stopped(error);
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
    if (this.state === "stopped") {
      this.#calls = null; // its folder may have to be made anew
    }
    this.#become("queued");
  }

  /** Go on as somebody has said about the taken name. @param {string} answer `rename`, `replace` or `skip` */
  settle(answer) {
    if (answer === "rename" || answer === "replace") {
      this.conflict = answer;
      this.again();
    } else {
      this.cancel();
    }
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

  /** Have its folder be there, and give what talks to the server and what sends. */
  async #prepare() {
    if (this.#calls && this.#transfer) {
      return { calls: this.#calls, transfer: this.#transfer };
    }
    const { signal } = this.#controller;
    const stop = new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason)));
    const { file, names, memory, chunk } = this.#parts;
    const taken = /** @type {Set<string>} */ (await Promise.race([names(), stop]));
    const { folder, name, size } = this;
    if (this.conflict === "refuse" && taken.has(name)) {
      throw TAKEN;
    }
    const identity = { folder, name, size, fingerprint: await fingerprintOf(file) };
    const sent = memory.sent(identity);
    this.identity = identity;
    this.#session = memory.session(identity);
    this.#calls = new Calls({ ...identity, session: this.#session }, send);
    this.#transfer = transfer({
      file,
      calls: this.#calls,
      chunk,
      begun: size > SMALL || sent > 0,
      allSent: size > 0 && sent === size,
      observer: {
        sent: (bytes) => this.#moved(bytes),
        arrived: (bytes) => {
          this.#owned = true;
          this.arrived = bytes;
          this.#moved(bytes);
        },
        waiting: (_, error) => this.#become("waiting", waitInWords(error)),
        finishing: () => {
          this.sent = size;
          this.#remember(size, true);
          this.#become("finishing");
        },
      },
    });
    return { calls: this.#calls, transfer: this.#transfer };
  }

  /** @param {number} bytes */
  #moved(bytes) {
    this.sent = bytes;
    this.progress.note(bytes);
    this.#remember(bytes);
    this.#become("sending");
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
      this.size > SMALL &&
      (now || (bytes < this.size && Date.now() - this.#remembered > REMEMBER_EVERY))
    ) {
      this.#remembered = Date.now();
      this.#parts.memory.remember(this.identity, this.#session, bytes);
    }
  }

  #forget() {
    if (this.identity) {
      this.#parts.memory.forget(this.identity);
    }
  }

  /** @param {unknown} error */
  async #stopped(error) {
    if (error === PAUSED) {
      this.sent = this.arrived;
      this.#become("paused");
    } else if (error === CANCELLED) {
      await this.#dropped();
    } else if (
      error === TAKEN ||
      (this.conflict === "refuse" && error instanceof Refusal && error.code === "exists")
    ) {
      this.#become("taken");
    } else if (error instanceof Refusal && error.code === "other_upload") {
      this.#owned = false;
      this.other = { offset: error.offset ?? 0, age: error.age };
      this.#become("asking");
    } else if (error instanceof Refusal) {
      this.#become("stopped", refusalInWords(error));
    } else if (error instanceof SourceLost || error instanceof DOMException) {
      this.#become("stopped", `${t("The file has changed or can no longer be read.")} ${t("Choose it again.")}`);
    } else {
      this.#become("stopped", t("Something went wrong in this page. Reload it and choose the file again."));
      console.error(error);
    }
  }

  async #dropped() {
    const [calls, owned] = [this.#calls, this.#owned];
    this.#forget();
    this.#become("cancelled");
    if (calls && owned) {
      await this.#abandon(calls, NEVER).catch(() => {}); // it expires by itself
    }
  }

  /**
   * @param {Calls} calls
   * @param {AbortSignal} signal
   */
  async #abandon(calls, signal) {
    await insist(() => calls.abandon(signal), signal);
  }

  /**
   * @param {State} state
   * @param {string} [message]
   */
  #become(state, message = "") {
    this.state = state;
    this.message = message;
    this.#parts.changed(this);
  }
}
