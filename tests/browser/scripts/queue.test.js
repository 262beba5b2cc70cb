import assert from "node:assert/strict";
import { test } from "node:test";
import { queue as newQueue } from "../../../peerstor/web/static/queue.js";

/** @import { State, Upload } from "../../../peerstor/web/static/upload.js" */

const LARGE = 1e9;

class Fake {
  state = /** @type {State} */ ("queued");
  end = () => {};

  /**
   * @param {string} label
   * @param {number} size
   */
  constructor(label, size) {
    this.label = label;
    this.size = size;
  }

  run() {
    this.state = "sending";
    return new Promise((resolve) => {
      this.end = () => resolve(undefined);
    });
  }
}

/** @param {Fake[]} fakes */
async function queueOf(fakes) {
  const queue = newQueue();
  const add = (/** @type {Fake} */ fake) => queue(/** @type {Upload} */ (/** @type {unknown} */ (fake)));
  fakes.forEach(add);
  return add;
}

/** @param {Fake[]} fakes */
const running = (fakes) => fakes.filter(({ state }) => state === "sending").map(({ label }) => label);

/** @param {Fake} fake */
async function end(fake) {
  fake.state = "done";
  fake.end();
  await new Promise((resolve) => setTimeout(resolve));
}

test("large files go two at a time, small ones four, in the order in which they were chosen", async () => {
  const large = ["a", "b", "c"].map((label) => new Fake(label, LARGE));
  await queueOf(large);
  assert.deepEqual(running(large), ["a", "b"]);
  await end(/** @type {Fake} */ (large[1]));
  assert.deepEqual(running(large), ["a", "c"]);
  const small = ["a", "b", "c", "d", "e"].map((label) => new Fake(label, 1));
  await queueOf(small);
  assert.deepEqual(running(small), ["a", "b", "c", "d"]);
});

test("two of one name never go at once; others pass them by", async () => {
  const [first, second, other] = [new Fake("a", LARGE), new Fake("a", LARGE), new Fake("b", LARGE)];
  await queueOf([first, second, other]);
  assert.deepEqual([first.state, second.state, other.state], ["sending", "queued", "sending"]);
  await end(first);
  assert.equal(second.state, "sending");
});

test("what is paused while it waits stands back, until it comes again", async () => {
  const [first, second, third, fourth] = ["a", "b", "c", "d"].map((label) => new Fake(label, LARGE));
  assert.ok(first && second && third && fourth);
  const add = await queueOf([first, second, third, fourth]);
  third.state = "paused";
  await end(first);
  assert.deepEqual([third.state, fourth.state], ["paused", "sending"]);
  third.state = "queued";
  add(third);
  await end(second);
  assert.equal(third.state, "sending");
});
