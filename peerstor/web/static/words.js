import { LANGUAGE, t, tn } from "./texts.js";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const digits = new Intl.NumberFormat(LANGUAGE, { maximumSignificantDigits: 3 });

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
  let value = Math.round(bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${digits.format(value)}\u00a0${UNITS[unit]}`;
}

/** @param {number} count */
export const filesInWords = (count) => tn("{n} file", "{n} files", count);

/**
 * Give a duration in its largest sensible unit.
 *
 * @param {number} seconds
 */
export function durationInWords(seconds) {
  const minutes = Math.round(seconds / 60);
  return seconds < 59.5
    ? `${Math.max(1, Math.round(seconds))}\u00a0s`
    : seconds < 3570
      ? `${minutes}\u00a0min`
      : seconds < 36 * 3600
        ? `${Math.floor(minutes / 60)}\u00a0h\u00a0${minutes % 60}\u00a0min`
        : t("{n} days", { n: Math.round(seconds / 86400) });
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const AGO = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
const { format: date } = new Intl.DateTimeFormat(LANGUAGE, { year: "numeric", month: "short", day: "numeric" });

/** Say when something was, to the second. */
export const { format: exactly } = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "full", timeStyle: "long" });

/** Say how long ago something was; its date where that is more than a week. @param {Date} moment @param {Date} now */
export function agoInWords(moment, now = new Date()) {
  const seconds = (now.getTime() - moment.getTime()) / 1000;
  if (seconds < -60 || seconds > 7 * 86400) {
    return date(moment);
  }
  const [unit, length] = AGO.find(([, each]) => seconds >= each) ?? [];
  return unit && length ? relative.format(-Math.floor(seconds / length), unit) : t("just now");
}

/**
 * Give a share of a whole in percent, never 100 before all is there.
 *
 * @param {number} part
 * @param {number} whole
 */
export const percent = (part, whole) => (whole === 0 ? 100 : Math.floor((100 * part) / whole));
