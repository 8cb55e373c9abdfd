import assert from "node:assert/strict";
import { test } from "node:test";
import { startsOf, thinned } from "./letters";

test("each letter begins behind all names of the letters before it", () => {
  const starts = startsOf([{ letter: "#", count: 3 }, { letter: "B", count: 10 }, { letter: "Z", count: 1 }]);
  assert.equal(starts.length, 27);
  assert.deepEqual(starts[0], { letter: "#", start: 0, count: 3 });
  assert.deepEqual(starts[1], { letter: "A", start: 3, count: 0 });
  assert.deepEqual(starts[2], { letter: "B", start: 3, count: 10 });
  assert.deepEqual(starts[26], { letter: "Z", start: 13, count: 1 });
});

test("where there is no room for all letters, empty ones go first, then some of the others", () => {
  const some = startsOf([{ letter: "#", count: 3 }, { letter: "B", count: 10 }, { letter: "Z", count: 1 }]);
  assert.equal(thinned(some, 27).length, 27);
  assert.deepEqual(thinned(some, 20).map((one) => one.letter), ["#", "B", "Z"]);
  const all = startsOf([..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].map((letter) => ({ letter, count: 1 })));
  const few = thinned(all, 13).map((one) => one.letter);
  assert.equal(few.length, 13);
  assert.deepEqual([few[0], few.at(-1)], ["A", "Z"]);
});
