import { Calls, Refusal } from "./calls.js";
import { copyOf, find } from "./elements.js";
import { percent, visible } from "./words.js";

/** @import { Memory, Remembered } from "./memory.js" */
/** @import { Send } from "./transport.js" */

/** Reminds of uploads that an earlier visit left unfinished. */
export class Unfinished {
  #folder;
  #memory;
  #send;
  #choose;
  #list;

  /**
   * @param {object} parts
   * @param {string} parts.folder
   * @param {Memory} parts.memory
   * @param {Send} parts.send
   * @param {() => void} parts.choose lets the reader choose files
   * @param {HTMLElement} parts.list where to show them
   */
  constructor({ folder, memory, send, choose, list }) {
    this.#folder = folder;
    this.#memory = memory;
    this.#send = send;
    this.#choose = choose;
    this.#list = list;
  }

  /** Show what there is, as far as the server still has it. */
  async show() {
    for (const known of this.#memory.in(this.#folder)) {
      const offset = await this.#offset(known);
      if (offset > 0) {
        this.#list.append(this.#row(known, offset));
      } else {
        this.#memory.forget(known);
      }
    }
  }

  /**
   * Take away the reminder of a file that has been chosen again.
   *
   * @param {string} name
   * @param {string} fingerprint
   */
  chosen(name, fingerprint) {
    for (const row of this.#list.querySelectorAll("li")) {
      if (row.dataset.name === name && row.dataset.fingerprint === fingerprint) {
        row.remove();
      }
    }
  }

  /**
   * Ask where an upload is; where nobody answers, trust what was remembered.
   *
   * @param {Remembered} known
   * @returns {Promise<number>} bytes; 0 where there is no such upload any more
   */
  async #offset(known) {
    try {
      return (await new Calls(known, this.#send).offset(new AbortController().signal)).offset;
    } catch (error) {
      return error instanceof Refusal && error.code === "other_upload" ? 0 : known.sent;
    }
  }

  /**
   * @param {Remembered} known
   * @param {number} offset
   */
  #row(known, offset) {
    const row = copyOf("reminder");
    row.dataset.name = known.name;
    row.dataset.fingerprint = known.fingerprint;
    find(row, ".upload-name", HTMLElement).textContent = visible(known.name);
    find(row, ".upload-words", HTMLElement).textContent =
      `Choose the same file again to continue at ${percent(offset, known.size)} %.`;
    find(row, '[data-order="choose"]', HTMLElement).addEventListener("click", this.#choose);
    find(row, '[data-order="forget"]', HTMLElement).addEventListener("click", () => this.#drop(known, row));
    return row;
  }

  /**
   * @param {Remembered} known
   * @param {HTMLElement} row
   */
  async #drop(known, row) {
    row.remove();
    this.#memory.forget(known);
    const calls = new Calls(known, this.#send);
    const { signal } = new AbortController();
    try {
      await calls.offset(signal); // refused where another file of this name was begun since: that one stays
      await calls.abandon(signal);
    } catch {
      // it expires by itself
    }
  }
}
