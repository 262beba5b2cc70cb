import { BASE } from "./base.js";

/** What other servers at the same host remember begins in another way: no base holds a blank. */
const PREFIX = `peerstor:upload:${BASE} `;

/** What the addresses of shares have, which are remembered as folders of their own. */
const SHARES = `${BASE}/-/s/`;

/** Milliseconds after which the server has dropped an unfinished upload, as it is set by default. */
const KEPT = 7 * 24 * 3600 * 1000;

/** @import { Identity, Stated } from "./calls.js" */

/**
 * @typedef {Stated & { sent: number, touched: number }} Remembered bytes sent; milliseconds since the epoch
 */

/** @typedef {ReturnType<typeof memoryIn>} Memory */

/** Give what tells one file from all others. @param {Identity} identity */
export const keyOf = ({ folder, name, fingerprint }) => PREFIX + JSON.stringify([folder, name, fingerprint]);

/**
 * Give what remembers unfinished uploads past a reload, as far as the browser keeps anything.
 *
 * @param {Storage | Record<string, string>} storage
 */
export function memoryIn(storage) {
  /** Give what is kept by a key; drop it where it can't be read or has become too old. @param {string} key */
  function read(key) {
    try {
      const [folder, name, fingerprint] = JSON.parse(key.slice(PREFIX.length));
      const known = /** @type {Remembered} */ ({ folder, name, fingerprint, ...JSON.parse(storage[key]) });
      const { size, session, sent, touched } = known;
      if (
        [size, sent, touched].every(Number.isFinite) &&
        [folder, name, fingerprint, session].every((text) => typeof text === "string") &&
        touched > Date.now() - KEPT
      ) {
        return known;
      }
    } catch {
      // the same as too old
    }
    delete storage[key];
    return undefined;
  }

  return {
    /**
     * Give the bytes sent on an earlier visit and its session, so that the server takes this one for the same client;
     * a new one of 128 random bits where nothing is known: `crypto.randomUUID` is absent on plain HTTP beyond loopback.
     *
     * @param {Identity} identity
     * @returns {{ sent: number, session: string, touched?: number }} touched only where something is known
     */
    of: (identity) =>
      read(keyOf(identity)) ?? { sent: 0, session: crypto.getRandomValues(new Uint32Array(4)).join("-") },

    /** @param {Stated} stated @param {number} sent bytes */
    remember(stated, sent) {
      const { size, session } = stated;
      try {
        storage[keyOf(stated)] = JSON.stringify({ size, session, sent, touched: Date.now() });
      } catch {
        // full: the upload itself doesn't need it
      }
    },

    /** @param {Identity} identity */
    forget(identity) {
      delete storage[keyOf(identity)];
    },

    /**
     * List what is unfinished in a folder and below (but not in shares of it), the oldest first.
     *
     * @param {string} top
     */
    in: (top) =>
      Object.keys(storage)
        .flatMap((key) => (key.startsWith(PREFIX) && read(key)) || [])
        .filter(({ folder }) => folder === top || (folder.startsWith(top) && !folder.includes(SHARES)))
        .sort((a, b) => a.touched - b.touched),
  };
}

/** @returns {Storage | null} the browser's storage; null where it is switched off */
export function storage() {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}
