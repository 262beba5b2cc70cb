import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../../peerstor/web/static/backoff.js";
import { callsFor } from "../../../peerstor/web/static/calls.js";
import { chunkSize } from "../../../peerstor/web/static/chunksize.js";
import { transfer as transferOf } from "../../../peerstor/web/static/resumable.js";
import { Refusal } from "../../../peerstor/web/static/transport.js";

/** @import { ChunkSize } from "../../../peerstor/web/static/chunksize.js" */
/** @import { Question, Told } from "../../../peerstor/web/static/transport.js" */

const KIB = 1024;
const MIB = 1024 * KIB;

/** A server that counts bytes, behind a proxy that keeps each request until it is complete. */
class Proxied {
  arrived = 0;
  sizes = /** @type {number[]} */ ([]);
  maxChunk = /** @type {number | null} */ (null);

  /** @param {(bytes: number) => number | null} verdict on a chunk: the proxy's own status, 0 for none, null to let it pass */
  constructor(verdict) {
    this.verdict = verdict;
  }

  /**
   * @param {Question} question
   * @returns {Promise<Told>}
   */
  send = async ({ url, body }) => {
    const call = new URL(url, "http://server").pathname.split("/").at(-1);
    if (call === "offset") {
      return { offset: this.arrived, ...(this.maxChunk ? { maxChunk: this.maxChunk } : {}) };
    }
    if (call === "complete") {
      return { path: "/f", href: "/f" };
    }
    const bytes = body?.byteLength ?? 0;
    this.sizes.push(bytes);
    const status = this.verdict(bytes);
    if (status !== null) throw new Refusal(status, { message: "In words." });
    this.arrived += bytes;
    return { nextOffset: this.arrived };
  };
}

/**
 * @param {Proxied} proxied
 * @param {number} size
 * @param {ChunkSize} [chunk]
 */
async function upload(proxied, size, chunk = chunkSize()) {
  let waits = 0;
  const run = transferOf({
    file: new Blob([new Uint8Array(size)]),
    calls: callsFor({ folder: "/", name: "f", size, fingerprint: "f", session: "s" }, proxied.send),
    backoff: new Backoff(),
    rest: async () => void waits++,
    observer: { sent() {}, arrived() {}, waiting() {}, finishing() {} },
    chunk,
  });
  await run(new AbortController().signal);
  assert.equal(proxied.arrived, size);
  return waits;
}

test("a proxy's limit is found by halving, at once, and is never tried again", async () => {
  const proxied = new Proxied((bytes) => (bytes > MIB ? 413 : null));
  const chunk = chunkSize();
  assert.equal(await upload(proxied, 20 * MIB, chunk), 0);
  assert.deepEqual(proxied.sizes.slice(0, 4), [8 * MIB, 4 * MIB, 2 * MIB, MIB]);
  assert.equal(Math.max(...proxied.sizes.slice(3)), MIB);
  // The next file needs no search.
  const next = new Proxied((bytes) => (bytes > MIB ? 413 : null));
  await upload(next, 3 * MIB, chunk);
  assert.deepEqual(next.sizes, [MIB, MIB, MIB]);
});

test("a proxy that lets nothing through is not asked for ever", async () => {
  const proxied = new Proxied(() => 413);
  await assert.rejects(upload(proxied, 20 * MIB), (error) => error instanceof Refusal && error.status === 413);
  assert.equal(proxied.sizes.at(-1), 64 * KIB);
  assert.equal(proxied.sizes.length, 8);
});

for (const status of [502, 504, 524, 0]) {
  test(`what was lost whole (${status || "no answer"}) is sent in smaller pieces, which grow again`, async () => {
    let failures = 2;
    const proxied = new Proxied(() => (failures-- > 0 ? status : null));
    assert.equal(await upload(proxied, 60 * MIB), 2);
    assert.deepEqual(
      proxied.sizes.map((bytes) => bytes / MIB),
      [8, 4, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 4],
    );
  });
}

test("what broke off in the middle of a chunk is no reason for smaller ones", async () => {
  let cut = true;
  const proxied = new Proxied(() => {
    if (!cut) return null;
    cut = false;
    proxied.arrived += 3 * MIB;
    return 0;
  });
  await upload(proxied, 19 * MIB);
  assert.deepEqual(proxied.sizes, [8 * MIB, 8 * MIB, 8 * MIB]);
});

test("a server that only rests gets chunks as before", async () => {
  let resting = true;
  const proxied = new Proxied(() => {
    if (!resting) return null;
    resting = false;
    return 503;
  });
  await upload(proxied, 16 * MIB);
  assert.deepEqual(proxied.sizes, [8 * MIB, 8 * MIB, 8 * MIB]);
});

test("what the server tells of a limit is obeyed from the first chunk on", async () => {
  const proxied = new Proxied((bytes) => (bytes > 3_000_000 ? 413 : null));
  proxied.maxChunk = 3_000_000;
  await upload(proxied, 10_000_000);
  assert.deepEqual(proxied.sizes, [3_000_000, 3_000_000, 3_000_000, 1_000_000]);
});
