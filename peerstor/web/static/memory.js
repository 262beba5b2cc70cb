import { BASE } from "./base.js";

/** What other servers at the same host remember begins in another way: no base holds a blank. */
const PREFIX = `peerstor:upload:${BASE} `;

/** What the addresses of shares have, which are remembered as folders of their own. */
const SHARES = `${BASE}/-/s/`;

/** Milliseconds after which the server has dropped an unfinished upload, as it is set by default. */
const KEPT = 7 * 24 * 3600 * 1000;

/** @import { Identity } from "./calls.js" */

/**
 * @typedef {Identity & { session: string, sent: number, touched: number }} Remembered bytes sent; milliseconds since
 *   the epoch
 */

/** Remembers unfinished uploads past a reload. Where the browser keeps nothing, nothing is remembered. */
export class Memory {
  #storage;

  /** @param {Storage | null} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * @param {Identity} identity
   * @param {string} session
   * @param {number} sent bytes
   */
  remember(identity, session, sent) {
    const { size } = identity;
    try {
      this.#storage?.setItem(keyOf(identity), JSON.stringify({ size, session, sent, touched: Date.now() }));
    } catch {
      // full: the upload itself doesn't need it
    }
  }

  /** @param {Identity} identity */
  forget(identity) {
    this.#storage?.removeItem(keyOf(identity));
  }

  /**
   * @param {Identity} identity
   * @returns {number} bytes sent; 0 where nothing is known
   */
  sent(identity) {
    return this.#known(identity)?.sent ?? 0;
  }

  /**
   * Give the session of an earlier visit, so that the server takes this one for the same client; else a new one.
   *
   * @param {Identity} identity
   */
  session(identity) {
    return this.#known(identity)?.session ?? randomText();
  }

  /**
   * List what is unfinished in a folder and below (but not in shares of it), and drop what has become too old.
   *
   * @param {string} folder
   * @returns {Remembered[]}
   */
  in(folder) {
    const storage = this.#storage;
    if (!storage) {
      return [];
    }
    const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
    const found = [];
    for (const key of keys.filter((name) => name.startsWith(PREFIX))) {
      const known = parse(key, storage.getItem(key));
      if (known === null || known.touched < Date.now() - KEPT) {
        storage.removeItem(key);
      } else if (known.folder === folder || (known.folder.startsWith(folder) && !known.folder.includes(SHARES))) {
        found.push(known);
      }
    }
    return found.sort((a, b) => a.touched - b.touched);
  }

  /** @param {Identity} identity */
  #known(identity) {
    return this.in(identity.folder).find((known) => keyOf(known) === keyOf(identity));
  }
}

/** @returns {Storage | null} the browser's storage; null where it is switched off */
export function storage() {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}

/** 128 random bits in hex; `crypto.randomUUID` is absent on plain HTTP beyond loopback. */
function randomText() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Identity} identity */
function keyOf({ folder, name, fingerprint }) {
  return PREFIX + JSON.stringify([folder, name, fingerprint]);
}

/**
 * @param {string} key
 * @param {string | null} value
 * @returns {Remembered | null}
 */
function parse(key, value) {
  try {
    const [folder, name, fingerprint] = JSON.parse(key.slice(PREFIX.length));
    const { size, session, sent, touched } = JSON.parse(value ?? "");
    const numbers = [size, sent, touched].every(Number.isFinite);
    const texts = [folder, name, fingerprint, session].every((text) => typeof text === "string");
    return numbers && texts ? { folder, name, fingerprint, size, session, sent, touched } : null;
  } catch {
    return null;
  }
}
