import { Backoff, NEVER, rest } from "./backoff.js";
import { BASE } from "./base.js";
import { state } from "./state.js";
import { send } from "./transport.js";

/** @import { Listing } from "./listing.js" */

/** What the tabs of one browser share: the name of their lock and of their channel. */
const NAME = `peerstor:${BASE}`;

/** Milliseconds for the first event of a stream, which comes at once unless a proxy keeps it; between signs of life. */
const FIRST = 5000;
const ALIVE = 50_000;

/** Seconds between two questions where there is no stream, and in which tabs that look for each other find each other. */
const ASKED = 10;
const MEET = 0.1;

/** Seconds between two times that the listing is taken anew, and how many times as long as that took. */
const PAUSE = 1;
const TIMES = 5;

/** What is under way and would be lost if the rows were exchanged; a click, too, needs the row it began on to its end. */
const BUSY = ".renaming, .menu:popover-open, dialog[open], #listing:active";

/** @typedef {{ path: string, version: string | null }} News of a folder, which is gone where it has no version */

/**
 * @typedef {object} Message between tabs
 * @property {number} [id] of a tab that says what it shows; without a path it asks what the others do
 * @property {string} [path] of the folder that it shows; empty where nobody sees it
 * @property {News} [news]
 * @property {number} [status] of an answer that was no news
 */

async function settled() {
  while (document.querySelector(BUSY)) {
    await rest(PAUSE, NEVER);
  }
}

/**
 * Keep a listing as the folder is. Of all tabs that somebody sees, one holds the lock and listens for all of them: a
 * browser has few connections to a server, and uploads need them. Where there are no locks (plain HTTP beyond the own
 * machine), each listens for itself.
 *
 * @param {Listing} list
 */
export function follow(list) {
  const { locks } = navigator;
  const channel = locks && new BroadcastChannel(NAME);
  const id = Math.random();
  const { path: here = "" } = list.data;
  /** @type {Map<number, string>} */
  const shown = new Map();
  list.settled = settled;
  /** The version that was told last. @type {string | null} */
  let told = "";
  let turn = Promise.resolve();
  let looking = new AbortController();
  let restart = () => {};
  /** Until the next look at a folder that is gone. @type {ReturnType<typeof setTimeout> | undefined} */
  let later;

  /** Follow the folder while somebody sees it. */
  function look() {
    looking.abort();
    restart();
    looking = new AbortController();
    const { signal } = looking;
    const leading = () => lead(signal);
    show();
    if (!document.hidden) {
      (locks?.request(NAME, { signal }, leading) ?? leading()).catch(() => {});
    }
  }

  const show = () => channel?.postMessage({ id, path: document.hidden ? "" : here });

  /** Tell all tabs, this one too. @param {Message} message */
  function tell(message) {
    channel?.postMessage(message);
    hear(message);
  }

  /** @param {Message} message */
  function hear({ id, path, news, status = 0 }) {
    if (path !== undefined && id) {
      shown.set(id, path);
      restart();
    } else if (id) {
      show();
    } else if (!news) {
      state(status);
    } else if (news.path === here && !document.hidden) {
      take(news.version);
    }
  }

  /** Listen, or ask where that can't be, for all tabs, until nothing more can be told. @param {AbortSignal} signal */
  async function lead(signal) {
    const backoff = new Backoff();
    shown.clear();
    channel?.postMessage({ id });
    for (;;) {
      await rest(MEET, signal);
      if (await listen(backoff)) {
        await rest(Math.min(ASKED, backoff.next()), signal); // the page may just be left, or the server restarted
        await ask(signal);
      }
    }
  }

  function address() {
    const paths = [...new Set([here, ...shown.values()])].filter(Boolean).slice(0, 16);
    return `${BASE}/api/events?path=${paths.join("&path=")}`;
  }

  /**
   * Listen until something breaks, or other folders are to be listened to.
   *
   * @param {Backoff} backoff
   * @returns {Promise<boolean>} whether something broke
   */
  function listen(backoff) {
    return new Promise((resolve) => {
      const source = new EventSource(address());
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let timer;
      const end = (/** @type {boolean} */ broken) => {
        clearTimeout(timer);
        source.close();
        resolve(broken);
      };
      const alive = (/** @type {number} */ time) => {
        clearTimeout(timer);
        timer = setTimeout(end, time, true);
      };
      alive(FIRST);
      source.addEventListener("beat", () => alive(ALIVE));
      source.addEventListener("folder", ({ data }) => {
        alive(ALIVE);
        backoff.reset();
        tell({ news: JSON.parse(data) });
      });
      source.onerror = () => end(true);
      restart = () => end(false);
    });
  }

  /**
   * Ask in which version the folders are.
   *
   * @param {AbortSignal} signal
   * @throws what keeps this tab from being told
   */
  async function ask(signal) {
    try {
      const { folders } = await send({ method: "GET", url: address(), signal });
      /** @type {News[]} */ (folders).map((news) => tell({ news }));
    } catch (/** @type {any} */ error) {
      const { status } = error;
      if ([403, 404].includes(status)) {
        take(null); // for this tab; another one may listen for the rest
      } else if (!signal.aborted) {
        tell({ status });
      }
      if ([401, 403, 404].includes(status)) {
        throw error;
      }
    }
  }

  /**
   * @param {string | null} version that the folder is in, told anew where the listing couldn't be had; null where it is
   *   gone, of which there may be no more news: it is looked at again
   */
  function take(version) {
    clearTimeout(later);
    if (!version) {
      later = setTimeout(look, 1000 * ASKED);
    }
    state(version ? 200 : 404);
    told = version;
    turn = turn.then(renew);
  }

  /** Take the listing anew, when that disturbs nobody, unless it is as was told last. */
  async function renew() {
    await list.refreshing;
    await settled();
    if (told && told !== list.data.version) {
      const began = Date.now();
      await list.refresh();
      await rest(PAUSE + (TIMES * (Date.now() - began)) / 1000, NEVER);
    }
  }

  document.addEventListener("visibilitychange", look);
  addEventListener("online", () => restart());
  addEventListener("offline", () => state(0));
  channel?.addEventListener("message", ({ data }) => hear(data));
  look();
}
