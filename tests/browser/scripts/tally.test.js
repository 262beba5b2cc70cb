import assert from "node:assert/strict";
import { test } from "node:test";
import { milestones, tally } from "../../../peerstor/web/static/tally.js";

/** @import { State, Upload } from "../../../peerstor/web/static/upload.js" */

/**
 * @param {State} state
 * @param {number} size
 * @param {number} sent
 */
function upload(state, size, sent, message = "") {
  const values = { label: `${state}.bin`, state, size, sent, message };
  return /** @type {Upload} */ (/** @type {unknown} */ (values));
}

test("all uploads together are as far as their bytes", () => {
  const now = tally([upload("done", 100, 100), upload("sending", 200, 50), upload("paused", 100, 10)]);
  assert.deepEqual(
    [now.files, now.done, now.moving, now.paused, now.sent, now.size, now.percent],
    [3, 1, 1, 1, 160, 400, 39],
  );
});

test("empty files count too, and it is never all before it is", () => {
  assert.equal(tally([upload("done", 0, 0), upload("queued", 0, 0)]).percent, 50);
  assert.equal(tally([upload("finishing", 1e12, 1e12)]).percent, 99);
  assert.equal(tally([upload("done", 0, 0)]).percent, 100);
});

test("what needs somebody has failed; what waits does so for all only where nothing flows", () => {
  const waits = upload("waiting", 10, 0, "You are offline.");
  const now = tally([upload("stopped", 1, 0), upload("asking", 1, 0), upload("taken", 1, 0), waits]);
  assert.deepEqual([now.failed.length, now.moving, now.waiting], [3, 1, waits]);
  assert.equal(tally([waits, upload("sending", 10, 5)]).waiting, undefined);
});

test("what is said are the beginning, the quarters and the end, each once", () => {
  const next = milestones();
  const said = [0, 10, 25, 26, 49, 50, 60, 80, 81].map((sent) => next(tally([upload("sending", 100, sent)])));
  const end = [next(tally([upload("done", 100, 100)])), next(tally([upload("done", 100, 100)]))];
  assert.deepEqual([...said, ...end].filter(Boolean), [
    "Uploading 1 file.",
    "25 % of 1 file uploaded.",
    "50 % of 1 file uploaded.",
    "75 % of 1 file uploaded.",
    "1 file uploaded.",
  ]);
});

test("troubles are said with what to do, once for many, and once for all that wait", () => {
  const next = milestones();
  const moving = upload("sending", 1000, 0);
  const fails = () => upload("stopped", 10, 0, "There is no room left. Make some.");
  next(tally([moving]));
  assert.equal(
    next(tally([moving, fails(), fails(), fails()])),
    "Not uploaded: stopped.bin (and 2 files more). There is no room left. Make some.",
  );
  assert.equal(next(tally([moving, fails(), fails(), fails()])), "");
  const lost = [
    upload("waiting", 10, 0, "The connection is lost."),
    upload("waiting", 10, 0, "The connection is lost."),
  ];
  assert.equal(next(tally([...lost, fails(), fails(), fails()])), "The connection is lost.");
  assert.equal(next(tally([...lost, fails(), fails(), fails()])), "");
});
