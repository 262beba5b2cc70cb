const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Not among them: joiners and selectors that emoji and many scripts are spelled with. */
const HIDDEN = /(?!\u200c|\u200d|\ufe0e|\ufe0f|[\u{e0020}-\u{e007f}])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Give a name as text in which nothing hides: controls, and what turns the direction of text, as escapes.
 *
 * @param {string} name
 */
export function visible(name) {
  return name.replace(HIDDEN, (hidden) => `\\u${(hidden.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);
}

/**
 * Give a size in three significant digits (powers of 1000).
 *
 * @param {number} bytes
 */
export function sizeInWords(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : Number(value.toPrecision(3))}\u00a0${UNITS[unit]}`;
}

/** @param {number} count */
export function filesInWords(count) {
  return count === 1 ? "1 file" : `${count.toLocaleString("en")} files`;
}

/**
 * Give a duration in its largest sensible unit.
 *
 * @param {number} seconds
 */
export function durationInWords(seconds) {
  if (seconds < 59.5) {
    return `${Math.max(1, Math.round(seconds))}\u00a0s`;
  }
  if (seconds < 3570) {
    return `${Math.round(seconds / 60)}\u00a0min`;
  }
  if (seconds < 36 * 3600) {
    const minutes = Math.round(seconds / 60);
    return `${Math.floor(minutes / 60)}\u00a0h ${minutes % 60}\u00a0min`;
  }
  return `${Math.round(seconds / 86400)}\u00a0days`;
}

const AGO = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
]);
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const date = new Intl.DateTimeFormat("en", { year: "numeric", month: "short", day: "numeric" });
const full = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });

/** Say how long ago something was; its date where that is more than a week. @param {Date} moment @param {Date} now */
export function agoInWords(moment, now = new Date()) {
  const seconds = (now.getTime() - moment.getTime()) / 1000;
  if (seconds < -60 || seconds > 7 * 86400) {
    return date.format(moment);
  }
  const [unit, length] = AGO.find(([, each]) => seconds >= each) ?? ["second", Number.POSITIVE_INFINITY];
  return unit === "second" ? "just now" : relative.format(-Math.floor(seconds / length), unit);
}

/** @param {Date} moment */
export const exactly = (moment) => full.format(moment);

/**
 * Give a share of a whole in percent, never 100 before all is there.
 *
 * @param {number} part
 * @param {number} whole
 */
export function percent(part, whole) {
  return whole === 0 ? 100 : Math.floor((100 * part) / whole);
}
