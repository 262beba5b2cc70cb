/** Seconds over which speed is measured: long enough to be calm, short enough to be true. */
const WINDOW = 6;

/** Measures how fast a file moves. */
export class Progress {
  #samples = /** @type {{ at: number, bytes: number }[]} */ ([]);
  #now;

  /** @param {() => number} now the time, milliseconds */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Note how far it is. A step back (what was on its way got lost) begins the measurement anew.
   *
   * @param {number} bytes
   */
  note(bytes) {
    const at = this.#now() / 1000;
    if (bytes < (this.#samples.at(-1)?.bytes ?? 0)) {
      this.#samples = [];
    }
    this.#samples.push({ at, bytes });
    while ((this.#samples[1]?.at ?? at) < at - WINDOW) {
      this.#samples.shift();
    }
  }

  /** Forget the past: nothing moved for a while, on purpose. */
  restart() {
    this.#samples = [];
  }

  /** @returns {number | null} bytes a second; null while too little is known */
  get speed() {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    const time = first && last ? last.at - first.at : 0;
    return first && last && time >= 0.5 ? (last.bytes - first.bytes) / time : null;
  }

  /**
   * @param {number} size bytes of the whole
   * @returns {number | null} seconds left
   */
  left(size) {
    const { speed } = this;
    return speed && (size - (this.#samples.at(-1)?.bytes ?? 0)) / speed;
  }
}
