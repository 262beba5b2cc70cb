import { callsFor } from "./calls.js";
import { fingerprintOf } from "./fingerprint.js";
import { forget as lookAnew } from "./folders.js";
import { measure } from "./progress.js";
import { insist, transfer } from "./resumable.js";
import { otherInWords, stopInWords, waitInWords } from "./standing.js";
import { t } from "./texts.js";
import { percent } from "./words.js";

/** @import { Calls, Stated, Stored } from "./calls.js" */
/** @import { ChunkSize } from "./chunksize.js" */
/** @import { Answer, Conflict, Lot } from "./conflicts.js" */
/** @import { Memory } from "./memory.js" */
/** @import { Progress } from "./progress.js" */
/** @import { Observer } from "./resumable.js" */
/** @import { Told } from "./transport.js" */

/**
 * @typedef {"queued" | "reading" | "sending" | "waiting" | "finishing" | "paused" | "asking" | "taken" | "stopped"
 *   | "done" | "gone"} State
 */

/**
 * @typedef {object} Upload one chosen file on its way to the server
 * @property {string} name
 * @property {number} size bytes
 * @property {string} label its name, with its folder where that isn't the page's own
 * @property {Lot} lot what it was chosen with
 * @property {Progress} progress
 * @property {State} state
 * @property {number} sent bytes that have left
 * @property {string} message what there is to say of its state, in words
 * @property {Stored | null} stored
 * @property {Stated | null} stated
 * @property {() => void} begin stand in line
 * @property {() => Promise<void>} run go as far as it gets by itself; never throws: how it ended is the state
 * @property {(answer: Answer) => void} settle go on as somebody has said about the taken name
 * @property {Record<string, () => void>} orders what its buttons have it do
 */

/** Bytes up to which a file is sent without asking and remembering first, and at once: sending it anew is as quick. */
const SMALL = 64 * 1024;

/** Milliseconds between two notes in the browser's storage. */
const REMEMBER_EVERY = 500;

/**
 * Make what uploads a file.
 *
 * @param {object} parts
 * @param {File} parts.file
 * @param {string} parts.folder path of the folder, percent-encoded as in links
 * @param {string} parts.label
 * @param {Lot} parts.lot
 * @param {() => Promise<Map<string, Told>>} parts.names has its folder be there, and gives what is in it by its name
 * @param {Memory} parts.memory
 * @param {ChunkSize} parts.chunk how much to send at once
 * @param {boolean} parts.seen whether what is in its folder can be seen at the same path, as it can't in a share
 * @param {(upload: Upload) => void} parts.changed called after each change
 * @returns {Upload}
 */
export function uploadOf({ file, folder, label, lot, names, memory, chunk, seen, changed }) {
  const { name, size } = file;
  const progress = measure();
  /** Bytes that the server is known to have, and whether they are of this file. */
  let arrived = 0;
  let owned = false;
  /** What the server is to do where the name is taken. @type {Conflict} */
  let conflict = "refuse";
  /** Whether the other upload of this name is to be thrown away first. */
  let discards = false;
  /** Ends the run that is under way. @type {AbortController | null} */
  let controller = null;
  /** What talks to the server, and what sends. @type {{ calls: Calls, move: ReturnType<typeof transfer> } | null} */
  let way = null;

  /** @param {State} state @param {string} message */
  function become(state, message = "") {
    Object.assign(upload, { state, message });
    changed(upload);
  }

  const begin = () => become("queued", t("Waiting for its turn"));

  /** Stand in line again after a pause, or after what had stopped it. */
  function again() {
    lookAnew(folder);
    if (upload.state === "stopped") {
      way = null; // its folder may have to be made anew
    }
    begin();
  }

  /** @param {Answer} answer */
  function settle(answer) {
    if (answer === "skip") {
      cancel();
    } else {
      conflict = answer;
      begin();
    }
  }

  /** Stop, for good or until it goes on. @param {"paused" | "gone"} why */
  const end = (why) => (controller ? controller.abort(why) : stopped(why));

  /** Have the server drop what has arrived of this file, too; another file of this name stays. */
  const cancel = () => end("gone");

  async function run() {
    controller = new AbortController();
    const { signal } = controller;
    progress.restart();
    become("reading", t("Getting ready…"));
    try {
      way ??= await prepared(signal);
      const { calls, move } = way;
      calls.conflict = conflict;
      if (discards) {
        become("sending");
        await insist(calls.abandon, signal);
        discards = false;
      }
      upload.stored = await move(signal);
      forget();
      controller = null;
      become("done");
    } catch (error) {
      controller = null;
      await stopped(error);
    }
  }

  /** Have its folder be there, and give what talks to the server and what sends. @param {AbortSignal} signal */
  async function prepared(signal) {
    const stop = new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason)));
    const told = /** @type {Map<string, Told>} */ (await Promise.race([names(), stop])).get(name);
    const there = conflict === "refuse" && told;
    // What had arrived before a reload is as large as the file, and not older. No other one is read to find that out.
    if (there && !(lot.again && there.size === size && there.mtime * 1000 >= file.lastModified)) {
      throw "taken";
    }
    const identity = { folder, name, size, fingerprint: await fingerprintOf(file) };
    const { session, sent, touched } = memory.of(identity);
    upload.stated = { ...identity, session };
    if (there) {
      // Of what had arrived nothing is remembered, left to do, or to ask; what was to replace it had not.
      throw touched ? "taken" : "gone";
    }
    return wayOf(upload.stated, size > SMALL && sent < size ? null : sent);
  }

  /** @param {Stated} stated @param {number | null} at where it is, as far as that is known without asking */
  function wayOf(stated, at) {
    const calls = callsFor(stated);
    let remembered = 0;
    const remember = (/** @type {number} */ bytes) => {
      if (size > SMALL) {
        remembered = Date.now();
        memory.remember(stated, bytes);
      }
    };
    const moved = (/** @type {number} */ bytes) => {
      upload.sent = bytes;
      progress.note(bytes);
      // Only `finishing` may say that all was sent: the next visit then asks for nothing but the answer.
      if (bytes < size && Date.now() - remembered > REMEMBER_EVERY) {
        remember(bytes);
      }
      become("sending");
    };
    /** @type {Observer} */
    const observer = {
      sent: moved,
      arrived(bytes) {
        owned = true;
        arrived = bytes;
        moved(bytes);
      },
      waiting: (no) => become("waiting", waitInWords(no)),
      finishing() {
        upload.sent = size;
        remember(size);
        become("finishing", t("All sent. The server is storing it…"));
      },
    };
    // What may be stored under another name is not to be sent twice, nor what takes another's place.
    const whole = seen && size && size <= SMALL && conflict === "refuse" ? 2 : 0;
    return { calls, move: transfer({ file, calls, chunk, at, whole, observer }) };
  }

  const forget = () => upload.stated && memory.forget(upload.stated);

  /** @param {any} error */
  async function stopped(error) {
    if (error === "paused") {
      upload.sent = arrived;
      become(error, t("Paused at {share}", { share: `${percent(arrived, size)} %` }));
    } else if (error === "gone") {
      forget();
      become(error);
      if (owned && way) {
        await insist(way.calls.abandon).catch(() => {}); // it expires by itself
      }
    } else if (error === "taken" || (conflict === "refuse" && error.code === "exists")) {
      become("taken", t("There is a file of this name already."));
    } else if (error.code === "other_upload") {
      owned = false;
      become("asking", otherInWords(error));
    } else {
      become("stopped", stopInWords(error));
    }
  }

  const orders = {
    pause: () => end("paused"),
    again,
    discard() {
      discards = true;
      begin();
    },
    cancel,
    close: () => become("gone"),
  };
  const upload = /** @type {Upload} */ ({
    name,
    size,
    label,
    lot,
    progress,
    state: "queued",
    sent: 0,
    message: "",
    stored: null,
    stated: null,
    orders,
    begin,
    run,
    settle,
  });
  return upload;
}
