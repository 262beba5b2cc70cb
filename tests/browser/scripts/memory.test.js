import assert from "node:assert/strict";
import { test } from "node:test";
import { BASE } from "../../../peerstor/web/static/base.js";
import { memoryIn } from "../../../peerstor/web/static/memory.js";

const IDENTITY = { folder: "/a/", name: "n", size: 10, fingerprint: "f" };

/** What a browser keeps past a reload. @returns {Record<string, string>} */
const keep = () => ({});

test("an upload goes on in the session that it was begun in, whichever visit it is", () => {
  const kept = keep();
  const { session } = memoryIn(kept).of(IDENTITY);
  assert.match(session, /^\d+-\d+-\d+-\d+$/);
  memoryIn(kept).remember({ ...IDENTITY, session }, 5);
  const later = memoryIn(kept);
  assert.equal(later.of(IDENTITY).session, session);
  assert.equal(later.of(IDENTITY).sent, 5);
  assert.equal(later.in("/a/")[0]?.session, session);
});

test("no two uploads have a session in common", () => {
  const memory = memoryIn(keep());
  memory.remember({ ...IDENTITY, ...memory.of(IDENTITY) }, 5);
  const others = [
    { ...IDENTITY, name: "m" },
    { ...IDENTITY, fingerprint: "g" },
    { ...IDENTITY, folder: "/b/" },
  ];
  const sessions = [IDENTITY, ...others, { ...IDENTITY, name: "o" }].map(
    (identity) => memory.of(identity).session,
  );
  assert.equal(new Set(sessions).size, 5);
});

test("what is forgotten, and where the browser keeps nothing: a new session each", () => {
  const memory = memoryIn(keep());
  const { session } = memory.of(IDENTITY);
  memory.remember({ ...IDENTITY, session }, 5);
  memory.forget(IDENTITY);
  assert.deepEqual(memory.in("/a/"), []);
  assert.notEqual(memory.of(IDENTITY).session, session);
  const full = new Proxy(keep(), {
    set() {
      throw new DOMException("", "QuotaExceededError");
    },
  });
  memoryIn(full).remember({ ...IDENTITY, session }, 5);
  assert.notEqual(memoryIn(full).of(IDENTITY).session, session);
});

test("what can't be read is dropped", () => {
  const kept = keep();
  const memory = memoryIn(kept);
  memory.remember({ ...IDENTITY, session: "s" }, 5);
  const [key = ""] = Object.keys(kept);
  for (const value of [
    "",
    "{}",
    '{"size":10,"sent":5,"touched":9e15}',
    '{"size":10,"session":1,"sent":5,"touched":9e15}',
  ]) {
    kept[key] = value;
    assert.deepEqual(memory.in("/a/"), []);
    assert.deepEqual(kept, {});
  }
});

test("a folder's page knows what is unfinished below it too, but not in shares, which are somebody else's", () => {
  const memory = memoryIn(keep());
  const share = `${BASE}/-/s/0123/`;
  for (const folder of ["/a/", "/a/b/", "/ab/", share]) {
    memory.remember({ ...IDENTITY, folder, session: "s" }, 5);
  }
  const folders = (/** @type {string} */ top) => memory.in(top).map(({ folder }) => folder);
  assert.deepEqual(folders("/a/"), ["/a/", "/a/b/"]);
  assert.deepEqual(folders("/"), ["/a/", "/a/b/", "/ab/"]);
  assert.deepEqual(folders(share), [share]);
});
