import assert from "node:assert/strict";
import { test } from "node:test";
import { BASE } from "../../../peerstor/web/static/base.js";
import { memoryIn } from "../../../peerstor/web/static/memory.js";

const IDENTITY = { folder: "/a/", name: "n", size: 10, fingerprint: "f" };

/** What a browser keeps past a reload. */
class Kept {
  /** @type {Map<string, string>} */
  #items = new Map();

  get length() {
    return this.#items.size;
  }

  clear() {
    this.#items.clear();
  }

  /** @param {number} index */
  key(index) {
    return [...this.#items.keys()][index] ?? null;
  }

  /** @param {string} key */
  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  setItem(key, value) {
    this.#items.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.#items.delete(key);
  }
}

test("an upload goes on in the session that it was begun in, whichever visit it is", () => {
  const kept = new Kept();
  const session = memoryIn(kept).session(IDENTITY);
  assert.match(session, /^[0-9a-f]{32}$/);
  memoryIn(kept).remember(IDENTITY, session, 5);
  const later = memoryIn(kept);
  assert.equal(later.session(IDENTITY), session);
  assert.equal(later.sent(IDENTITY), 5);
  assert.equal(later.in("/a/")[0]?.session, session);
});

test("no two uploads have a session in common", () => {
  const memory = memoryIn(new Kept());
  memory.remember(IDENTITY, memory.session(IDENTITY), 5);
  const others = [
    { ...IDENTITY, name: "m" },
    { ...IDENTITY, fingerprint: "g" },
    { ...IDENTITY, folder: "/b/" },
  ];
  const sessions = [IDENTITY, ...others, { ...IDENTITY, name: "o" }].map((identity) => memory.session(identity));
  assert.equal(new Set(sessions).size, 5);
});

test("what an upload was, and where the browser keeps nothing: a new session each", () => {
  const memory = memoryIn(new Kept());
  const session = memory.session(IDENTITY);
  memory.remember(IDENTITY, session, 5);
  memory.forget(IDENTITY);
  assert.notEqual(memory.session(IDENTITY), session);
  assert.notEqual(memoryIn(null).session(IDENTITY), memoryIn(null).session(IDENTITY));
});

test("what can't be read is dropped", () => {
  const kept = new Kept();
  const memory = memoryIn(kept);
  memory.remember(IDENTITY, "s", 5);
  const key = kept.key(0) ?? "";
  for (const value of [
    "",
    "{}",
    '{"size":10,"sent":5,"touched":9e15}',
    '{"size":10,"session":1,"sent":5,"touched":9e15}',
  ]) {
    kept.setItem(key, value);
    assert.deepEqual(memory.in("/a/"), []);
    assert.equal(kept.length, 0);
  }
});

test("a folder's page knows what is unfinished below it too, but not in shares, which are somebody else's", () => {
  const memory = memoryIn(new Kept());
  const share = `${BASE}/-/s/0123/`;
  for (const folder of ["/a/", "/a/b/", "/ab/", share]) {
    memory.remember({ ...IDENTITY, folder }, "s", 5);
  }
  const folders = (/** @type {string} */ top) => memory.in(top).map(({ folder }) => folder);
  assert.deepEqual(folders("/a/"), ["/a/", "/a/b/"]);
  assert.deepEqual(folders("/"), ["/a/", "/a/b/", "/ab/"]);
  assert.deepEqual(folders(share), [share]);
});
