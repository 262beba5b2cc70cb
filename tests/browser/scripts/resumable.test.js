import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../../peerstor/web/static/backoff.js";
import { callsFor } from "../../../peerstor/web/static/calls.js";
import { chunkSize } from "../../../peerstor/web/static/chunksize.js";
import { transfer as transferOf } from "../../../peerstor/web/static/resumable.js";
import { Refusal } from "../../../peerstor/web/static/transport.js";

/** @import { Question, Told } from "../../../peerstor/web/static/transport.js" */

const STATED = { folder: "/a%20b/", name: "ü&?.bin", size: 10, fingerprint: "f", session: "s&" };

// Older ones of Node have none.
Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });

/** No answer came. */
const LOST = new Refusal(0, { message: "The server is away." });

/** A server that keeps one upload, and fails as it is told to. */
class Server {
  stored = "";
  done = "";
  asked = /** @type {string[]} */ ([]);
  /** What happens to the next calls instead, by their name: an answer, a lost call, or a lost answer. */
  mishaps = /** @type {Record<string, (Refusal | Told | "answer lost")[]>} */ ({});

  /**
   * @param {Question} question
   * @returns {Promise<Told>}
   */
  send = async ({ method, url, body }) => {
    const { pathname, searchParams } = new URL(url, "http://server");
    if (method === "PUT") {
      return this.#put(pathname, body ?? new ArrayBuffer(0));
    }
    const call = pathname.split("/").at(-1) ?? "";
    this.asked.push(call);
    assert.equal(searchParams.get("dir"), "/a b/");
    assert.equal(searchParams.get("name"), STATED.name);
    assert.equal(searchParams.get("size"), "10");
    assert.equal(searchParams.get("fingerprint"), "f");
    assert.equal(searchParams.get("session"), "s&");
    const mishap = this.mishaps[call]?.shift();
    if (mishap instanceof Refusal) throw mishap;
    if (mishap && mishap !== "answer lost") return mishap;
    const answer = this.#answer(call, Number(searchParams.get("offset")), body ?? new ArrayBuffer(0));
    if (mishap === "answer lost") throw LOST;
    return answer;
  };

  /**
   * @param {string} pathname
   * @param {ArrayBuffer} body
   */
  #put(pathname, body) {
    this.asked.push("PUT");
    assert.equal(decodeURIComponent(pathname).split("/-/tree")[1], `/a b/${STATED.name}`);
    const mishap = this.mishaps.PUT?.shift();
    if (mishap instanceof Refusal) throw mishap;
    assert.equal(this.done, "");
    this.done = new TextDecoder().decode(body);
    if (mishap) throw LOST;
    return { href: "/a%20b/x" };
  }

  /**
   * @param {string} call
   * @param {number} offset
   * @param {ArrayBuffer} body
   */
  #answer(call, offset, body) {
    if (call === "offset") return { offset: this.done ? 0 : this.stored.length };
    if (call === "chunk" && offset === this.stored.length) {
      this.stored += new TextDecoder().decode(body);
      return { nextOffset: this.stored.length };
    }
    if (call === "complete" && this.stored.length === 10) {
      this.done = this.stored;
      return { status: "ok", path: "/a b/ü&?.bin", href: "/a%20b/x" };
    }
    throw new Refusal(409, { error: "offset_mismatch", message: "", offset: this.stored.length });
  }
}

/**
 * @param {Server} server
 * @param {{ at?: number, whole?: number, rest?: (seconds: number, signal: AbortSignal) => Promise<void> }} [options]
 */
function transfer(server, { at, whole, rest } = {}) {
  const waited = /** @type {number[]} */ ([]);
  const run = transferOf({
    file: new Blob(["0123456789"]),
    calls: callsFor(STATED, server.send),
    backoff: Object.assign(new Backoff(), { random: () => 0.5 }),
    rest: rest ?? (async (seconds) => void waited.push(seconds)),
    observer: { sent() {}, arrived() {}, waiting() {}, finishing() {} },
    chunk: chunkSize(4),
    at,
    whole,
  });
  return { run: (signal = new AbortController().signal) => run(signal), waited };
}

test("a file goes in chunks from where the server is", async () => {
  const server = new Server();
  server.stored = "012";
  const { run, waited } = transfer(server);
  assert.equal((await run()).href, "/a%20b/x");
  assert.equal(server.done, "0123456789");
  assert.deepEqual(server.asked, ["offset", "chunk", "chunk", "complete"]);
  assert.deepEqual(waited, []);
});

for (const [title, mishap] of /** @type {const} */ ([
  ["call lost", LOST],
  ["answer lost", "answer lost"],
])) {
  test(`${title}: nothing is sent twice, nothing is left out`, async () => {
    const server = new Server();
    server.mishaps = { offset: [LOST], chunk: [mishap, mishap], complete: [mishap, mishap] };
    await transfer(server).run();
    assert.equal(server.done, "0123456789");
    // Once all is there, only `complete` is asked again: after it has gone well, the offset is 0.
    assert.deepEqual(server.asked.slice(-3), ["complete", "complete", "complete"]);
  });
}

test("what passes by itself is waited out, as long as the server asks and longer each time", async () => {
  const server = new Server();
  const busy = new Refusal(409, { error: "busy", offset: 0 }, 7);
  server.mishaps = { chunk: [busy, ...[503, 500, 429, 408].map((status) => new Refusal(status))] };
  const { run, waited } = transfer(server);
  await run();
  assert.equal(server.done, "0123456789");
  assert.deepEqual(waited, [7, 0.75, 1.5, 3, 6]);
});

test("the offset that a mismatch tells is the truth, forth and back", async () => {
  const server = new Server();
  server.stored = "01234";
  server.mishaps = { offset: [{ offset: 0 }] };
  await transfer(server).run();
  assert.equal(server.done, "0123456789");

  const forgetful = new Server();
  forgetful.mishaps = { offset: [{ offset: 8 }] };
  await transfer(forgetful).run();
  assert.equal(forgetful.done, "0123456789");
});

test("a server that contradicts itself is not asked for ever", async () => {
  const server = new Server();
  server.mishaps = { chunk: [new Refusal(409, { error: "offset_mismatch", offset: 0 })] };
  await assert.rejects(transfer(server).run(), Refusal);
  const larger = new Server();
  larger.mishaps = { chunk: [new Refusal(409, { error: "offset_mismatch", offset: 11 })] };
  await assert.rejects(transfer(larger).run(), Refusal);
});

for (const [status, error] of /** @type {[number, string][]} */ ([
  [400, "bad_name"],
  [401, "login_needed"],
  [403, "forbidden"],
  [409, "other_upload"],
  [413, "too_large"],
  [507, "no_space"],
])) {
  test(`${error} stops with the server's words, and another run goes on`, async () => {
    const server = new Server();
    server.mishaps = { chunk: [new Refusal(status, { error, message: "In words." })] };
    const { run, waited } = transfer(server);
    await assert.rejects(run(), { code: error, said: "In words." });
    assert.deepEqual(waited, []);
    await run();
    assert.equal(server.done, "0123456789");
  });
}

test("a visit that ended while the file was being stored asks for that answer alone", async () => {
  const server = new Server();
  server.stored = server.done = "0123456789";
  await transfer(server, { at: 10 }).run();
  assert.deepEqual(server.asked, ["complete"]);

  const gone = new Server();
  await transfer(gone, { at: 10 }).run();
  assert.equal(gone.done, "0123456789");
});

test("a pause ends the run with its reason", async () => {
  const server = new Server();
  server.mishaps = { chunk: [LOST] };
  const controller = new AbortController();
  const { run } = transfer(server, {
    rest: async (_, signal) => {
      controller.abort("paused");
      throw signal.reason;
    },
  });
  await assert.rejects(run(controller.signal), (reason) => reason === "paused");
  await run(new AbortController().signal);
  assert.equal(server.done, "0123456789");
});

test("a small file is sent without asking first; where something of it is there all the same, it goes on from that", async () => {
  const server = new Server();
  await transfer(server, { at: 0 }).run();
  assert.deepEqual(server.asked, ["chunk", "chunk", "chunk", "complete"]);

  const known = new Server();
  known.stored = "0123";
  const { run, waited } = transfer(known, { at: 0 });
  await run();
  assert.equal(known.done, "0123456789");
  assert.deepEqual(known.asked, ["chunk", "chunk", "chunk", "complete"]);
  assert.deepEqual(waited, []);
});

/**
 * Have whoever looks what stands under the name find something, each time the next; a number is a status, null no answer.
 *
 * @param {import("node:test").TestContext} context
 * @param {(string | number | null)[]} found
 */
const serve = (context, ...found) =>
  context.mock.method(globalThis, "fetch", async () => {
    const next = found.shift() ?? null;
    if (next === null) throw new TypeError("network");
    return typeof next === "number" ? new Response("", { status: next }) : new Response(next, { status: 206 });
  }).mock;

const WHOLE = { at: 0, whole: 2 };
const PIECES = ["offset", "chunk", "chunk", "chunk", "complete"];

test("a file that may go whole takes one request", async () => {
  const server = new Server();
  const { run, waited } = transfer(server, WHOLE);
  assert.deepEqual(await run(), { href: "/a%20b/x" });
  assert.equal(server.done, "0123456789");
  assert.deepEqual([server.asked, waited], [["PUT"], []]);
});

test("a request that came to nothing is waited out, and then the file goes in pieces", async (context) => {
  const server = new Server();
  server.mishaps = { PUT: [new Refusal(503, {}, 7)] };
  serve(context, 404, 404);
  const { run, waited } = transfer(server, WHOLE);
  await run();
  assert.equal(server.done, "0123456789");
  assert.deepEqual([server.asked, waited], [["PUT", ...PIECES], [7]]);
});

test("an answer that was lost is no reason to store it again, nor to ask anybody", async (context) => {
  const server = new Server();
  server.mishaps = { PUT: ["answer lost"] };
  const fetched = serve(context, null, 502, "0123456789");
  const { run, waited } = transfer(server, WHOLE);
  assert.match((await run()).href ?? "", /\/-\/tree\/a%20b\//);
  assert.deepEqual([server.asked, waited], [["PUT"], [0.375, 0.75, 1.5]]);
  assert.deepEqual(fetched.calls[0]?.arguments[1]?.headers, { Range: "bytes=0-10" });
});

for (const status of [412, 403, 401]) {
  test(`nor is a browser that sent it twice by itself (${status})`, async (context) => {
    const server = new Server();
    server.mishaps = { PUT: [new Refusal(status)] };
    serve(context, "0123456789");
    const { run, waited } = transfer(server, WHOLE);
    assert.ok((await run()).href);
    assert.deepEqual([server.asked, waited], [["PUT"], []]);
  });
}

for (const other of ["9876543210", "01234567890", "012345678", ""]) {
  test(`what somebody else has stored meanwhile is not taken for it (${other})`, async (context) => {
    const server = new Server();
    server.mishaps = { PUT: [LOST], complete: [new Refusal(409, { error: "exists" })] };
    serve(context, other, other);
    await assert.rejects(transfer(server, WHOLE).run(), { code: "exists" });
  });
}

for (const [title, status] of /** @type {const} */ ([
  ["a proxy that lets no PUT through", 405],
  ["an answer that says nothing", 200],
])) {
  test(`${title}: the calls of the upload API bring it`, async (context) => {
    const server = new Server();
    server.mishaps = { PUT: [new Refusal(status)] };
    serve(context, 404);
    const { run, waited } = transfer(server, WHOLE);
    await run();
    assert.equal(server.done, "0123456789");
    assert.deepEqual([server.asked, waited], [["PUT", ...PIECES], []]);
  });
}

test("a pause ends a request with all of it, too, and the next run finds what came of it", async (context) => {
  const server = new Server();
  server.mishaps = { PUT: ["answer lost"] };
  serve(context, "0123456789");
  const controller = new AbortController();
  const { run } = transfer(server, {
    ...WHOLE,
    rest: async (_, signal) => {
      controller.abort("paused");
      throw signal.reason;
    },
  });
  await assert.rejects(run(controller.signal), (reason) => reason === "paused");
  await run(new AbortController().signal);
  assert.deepEqual([server.asked, server.done], [["PUT"], "0123456789"]);
});
