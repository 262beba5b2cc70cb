/** The language that the server has chosen for the page. */
export const LANGUAGE = globalThis.document?.documentElement.lang || "en";

/** @typedef {Record<string, string | number>} Values what stands in a text's braces */

let texts = /** @type {Record<string, any>} */ ({});
let faults = /** @type {Record<string, string>} */ ({});
const plural = new Intl.PluralRules(LANGUAGE);

/**
 * Learn what to say instead of the English that stands in scripts. A script that the server makes of a catalogue calls
 * this, before any other of the page runs.
 *
 * @param {Record<string, any>} said by the English text; where it counts, by that for one, an object by category
 * @param {Record<string, string>} answered by the English sentences of the server
 */
export function learn(said, answered) {
  texts = said;
  faults = answered;
}

/** Put values into a text's braces; numbers as the language groups them. @param {string} text @param {Values} values */
const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (_, name) => /** @type {number} */ (values[name] ?? "").toLocaleString(LANGUAGE));

/** Say a text in the language of the page. @param {string} text @param {Values} [values] */
export const t = (text, values = {}) => fill(texts[text] ?? text, values);

/**
 * Say a text that counts: `{n}` in it is the number.
 *
 * @param {string} one
 * @param {string} other
 * @param {number} n
 * @param {Values} [values]
 */
export function tn(one, other, n, values = {}) {
  const forms = texts[one] ?? { one, other };
  return fill(forms[plural.select(n)] ?? forms.other, { n, ...values });
}

/** Say what the server has said in English. @param {string} sentence */
export function answered(sentence) {
  for (const [english, text] of Object.entries(faults)) {
    const pattern = english.replace(/[^\w\s{}]/g, "\\$&").replace(/\{(\w+)\}/g, "(?<$1>.+)");
    const found = new RegExp(`^${pattern}$`, "s").exec(sentence);
    if (found) {
      return fill(text, found.groups ?? {});
    }
  }
  return sentence;
}
