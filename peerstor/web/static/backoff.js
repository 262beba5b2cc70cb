/** Seconds before the first retry, and between retries at most: soon enough to go unnoticed, rare enough to bear. */
const FIRST = 0.5;
const MOST = 30;

/** Of what nobody gives up. */
export const { signal: NEVER } = new AbortController();

/** How long to wait before trying again: twice as long each time, with jitter so that many clients don't come at once. */
export class Backoff {
  #failures = 0;
  /** Gives numbers from 0 to 1. */
  random = Math.random;

  /**
   * Count a failure.
   *
   * @param {number} asked seconds that the server asked for (Retry-After)
   * @returns {number} seconds to wait
   */
  next(asked = 0) {
    const longest = Math.min(MOST, FIRST * 2 ** this.#failures);
    this.#failures += 1;
    return Math.max((longest / 2) * (1 + this.random()), asked);
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
export const rest = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const done = new AbortController();
    const awake = () => {
      clearTimeout(timer);
      done.abort();
      signal.aborted ? reject(signal.reason) : resolve();
    };
    const timer = setTimeout(awake, signal.aborted ? 0 : seconds * 1000);
    const once = { signal: done.signal };
    addEventListener("online", awake, once);
    addEventListener("visibilitychange", awake, once);
    signal.addEventListener("abort", awake, once);
  });
