import { NEVER } from "./backoff.js";
import { state } from "./state.js";
import { answered, t } from "./texts.js";

/**
 * @typedef {object} Question
 * @property {"GET" | "POST" | "PUT"} [method] a PUT replaces nothing
 * @property {string} url
 * @property {AbortSignal} [signal]
 * @property {number} [silence] seconds without any progress after which the connection counts as lost
 * @property {ArrayBuffer} [body]
 * @property {(bytes: number) => void} [onProgress] told how many bytes of the body have left
 */

/** @typedef {Record<string, any>} Told the JSON of an answer; to a PUT, where the file stands as its `href` */

/** @typedef {(question: Question) => Promise<Told>} Send */

/** A call came to nothing: the server said no, or, with a status of 0, the network or the server is away. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {Told} [told] empty where a proxy answered
   * @param {number} [retryAfter] seconds that the server asked for
   */
  constructor(status, { message, error = "", offset, age } = {}, retryAfter = 0) {
    const said =
      typeof message === "string"
        ? answered(message)
        : status
          ? t("The server answered with status {status}.", { status })
          : navigator.onLine
            ? t("The server doesn’t answer. Try again.")
            : t("You are offline. Try again later.");
    /** What to do about it, where that isn't plain. @type {Record<string, string>} */
    const ways = {
      login_needed: t("Do so in another tab, then try again here."),
      bad_name: t("Use up to 255 bytes, and no “/”."),
      no_space: t("Empty the trash, or ask the server’s owner for room."),
    };
    super(`${said} ${ways[error] ?? ""}`.trim());
    /** The server's words alone. */
    this.said = said;
    this.status = status;
    this.retryAfter = retryAfter;
    /** Machine-readable reason. @type {string} */
    this.code = error;
    /** Where the upload is, bytes. @type {number | undefined} */
    this.offset = offset;
    /** How long ago the other upload was begun, seconds. @type {number | undefined} */
    this.age = age;
  }
}

/**
 * Send a request and wait for its answer. XMLHttpRequest, since fetch doesn't tell how far a body has got.
 *
 * @type {Send}
 * @throws {Refusal}
 * @throws the reason of the signal, once that is aborted
 */
export const send = ({ method = "POST", url, signal = NEVER, silence = 60, body, onProgress }) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(stop, silence * 1000);
    };
    listen();
    signal.addEventListener("abort", stop);

    request.upload.onprogress = ({ loaded }) => {
      listen();
      onProgress?.(loaded);
    };
    request.onprogress = listen;
    request.onloadend = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      const { status, response } = request; // no response: none came, or a proxy's page
      const href = method === "PUT" && request.getResponseHeader("location");
      if (response?.error === "login_needed") {
        state(401);
      }
      if ((href || response) && status < 300) {
        resolve(response || { href });
      } else {
        const wait = secondsOf(request.getResponseHeader("Retry-After") ?? "");
        reject(signal.aborted ? signal.reason : new Refusal(status, response ?? {}, wait));
      }
    };
    request.open(method, url);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    if (method === "PUT") {
      request.setRequestHeader("If-None-Match", "*");
    }
    request.send(body);
  });

/** Read Retry-After as seconds or as a date (RFC 9110, section 10.2.3); 0 for neither. @param {string} value */
const secondsOf = (value) =>
  Math.max(0, Number.parseInt(value, 10) || (Date.parse(value) - Date.now()) / 1000 || 0);
