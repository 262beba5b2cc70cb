/** Seconds before the first retry, and between retries at most: soon enough to go unnoticed, rare enough to bear. */
const FIRST = 0.5;
const MOST = 30;

/** Of what nobody gives up. */
export const { signal: NEVER } = new AbortController();

/** How long to wait before trying again: twice as long each time, with jitter so that many clients don't come at once. */
export class Backoff {
  #failures = 0;
  #random;

  /** @param {() => number} random gives numbers from 0 to 1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /**
   * Count a failure.
   *
   * @param {number | null} asked seconds that the server asked for (Retry-After)
   * @returns {number} seconds to wait
   */
  next(asked = null) {
    const longest = Math.min(MOST, FIRST * 2 ** this.#failures);
    this.#failures += 1;
    const own = (longest / 2) * (1 + this.#random());
    return asked === null ? own : Math.max(own, asked);
  }

  /** Begin anew, since something got through. */
  reset() {
    this.#failures = 0;
  }
}

/**
 * Wait, but no longer than until the network is back, or somebody looks again after a sleep.
 *
 * @param {number} seconds
 * @param {AbortSignal} signal rejects the wait with its reason
 * @returns {Promise<void>}
 */
export function rest(seconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const timer = setTimeout(awake, seconds * 1000);
    globalThis.addEventListener("online", awake);
    globalThis.addEventListener("visibilitychange", awake);
    signal.addEventListener("abort", giveUp);

    function leave() {
      clearTimeout(timer);
      globalThis.removeEventListener("online", awake);
      globalThis.removeEventListener("visibilitychange", awake);
      signal.removeEventListener("abort", giveUp);
    }
    function awake() {
      leave();
      resolve();
    }
    function giveUp() {
      leave();
      reject(signal.reason);
    }
  });
}
