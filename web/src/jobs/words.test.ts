import assert from "node:assert/strict";
import { test } from "node:test";
import { percentOf, saidOf } from "./words";

test("a share is only what has a whole", () => {
  assert.equal(percentOf({ done: 1, total: 3 }), 33);
  assert.equal(percentOf({ done: 5, total: 3 }), 100);
  for (const progress of [{ done: 1, total: 0 }, { done: 1 }, null, "half", undefined]) assert.equal(percentOf(progress), undefined);
});

test("what else a job says stands in a line", () => {
  assert.equal(saidOf({ done: 2, total: 9, album: "Blue", edit_id: 3 }), "2 / 9 · Blue");
  assert.equal(saidOf(null), "");
});
