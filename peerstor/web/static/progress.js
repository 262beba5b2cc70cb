/** Seconds over which speed is measured: long enough to be calm, short enough to be true. */
const WINDOW = 6;

/** @typedef {ReturnType<typeof measure>} Progress */

/** Give what measures how fast something moves. */
export function measure() {
  let now = { at: 0, bytes: 0 };
  /** @type {(typeof now)[]} */
  let samples = [];
  return {
    /** Note how far it is. A step back (what was on its way got lost) begins anew. @param {number} bytes */
    note(bytes) {
      if (bytes < now.bytes) {
        samples = [];
      }
      now = { at: performance.now() / 1000, bytes };
      samples.push(now);
      while ((samples[1] ?? now).at < now.at - WINDOW) {
        samples.shift();
      }
    },

    /** Forget the past: nothing moved for a while, on purpose. */
    restart() {
      samples = [];
    },

    /** Bytes a second; 0 while too little is known. */
    get speed() {
      const { at, bytes } = samples[0] ?? now;
      const time = now.at - at;
      return time >= 0.5 ? (now.bytes - bytes) / time : 0;
    },
  };
}
