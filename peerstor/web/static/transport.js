import { state } from "./state.js";
import { t } from "./texts.js";

/**
 * @typedef {object} Question
 * @property {"GET" | "POST"} method
 * @property {string} url
 * @property {AbortSignal} signal
 * @property {number} silence seconds without any progress after which the connection counts as lost
 * @property {ArrayBuffer} [body]
 * @property {(bytes: number) => void} [onProgress] told how many bytes of the body have left
 */

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {number | null} retryAfter seconds
 * @property {Record<string, unknown>} told the JSON; empty where the answer was none
 */

/** @typedef {(question: Question) => Promise<Answer>} Send */

/** No answer came: the network or the server is away. */
export class ConnectionLost extends Error {}

/**
 * Send a request and wait for its answer. XMLHttpRequest, since fetch doesn't tell how far a body has got.
 *
 * @type {Send}
 * @throws {ConnectionLost} no answer came
 * @throws the reason of the signal, once that is aborted
 */
export function send({ method, url, signal, silence, body, onProgress }) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    let timer = 0;
    const listen = () => {
      clearTimeout(timer);
      timer = window.setTimeout(stop, silence * 1000);
    };
    listen();

    request.upload.onprogress = ({ loaded }) => {
      listen();
      onProgress?.(loaded);
    };
    request.onloadend = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      if (signal.aborted) {
        reject(signal.reason);
      } else if (request.status === 0) {
        const away = navigator.onLine
          ? t("The server doesn’t answer. Try again.")
          : t("You are offline. Try again later.");
        reject(new ConnectionLost(away));
      } else {
        const told = objectOf(request.responseText);
        if (told.error === "login_needed") {
          state(401);
        }
        const retryAfter = secondsOf(request.getResponseHeader("Retry-After"));
        resolve({ status: request.status, retryAfter, told });
      }
    };
    signal.addEventListener("abort", stop);
    request.open(method, url);
    request.setRequestHeader("Accept", "application/json");
    request.send(body ?? null);
  });
}

/**
 * Read Retry-After as seconds or as a date (RFC 9110, section 10.2.3).
 *
 * @param {string | null} value
 * @returns {number | null}
 */
function secondsOf(value) {
  if (value === null) {
    return null;
  }
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

/**
 * @param {string} text
 * @returns {Record<string, unknown>}
 */
function objectOf(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {}; // a proxy's page
  }
}
