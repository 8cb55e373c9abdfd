import assert from "node:assert/strict";
import { test } from "node:test";
import { shapeOf, stepOf, windowOf } from "./grid";

test("columns fill the width, and a phone still has two", () => {
  const wide = shapeOf(1200, 170, 20, 60);
  assert.equal(wide.columns, 6);
  assert.equal(wide.columns * wide.width + 5 * 20, 1200);
  assert.equal(shapeOf(320, 170, 16, 60).columns, 2);
});

test("of 50,000 albums only some rows are in the page, also at the very end", () => {
  const shape = { columns: 7, width: 160, rowHeight: 240 };
  const rows = Math.ceil(50_000 / 7);
  assert.deepEqual(windowOf(shape, 50_000, 0, 900, 2), [0, 42]);
  const [from, to] = windowOf(shape, 50_000, rows * 240 - 900, rows * 240, 2);
  assert.equal(to, 50_000);
  assert.ok(to - from < 60);
  assert.deepEqual(windowOf(shape, 0, 0, 900, 2), [0, 0]);
});

test("arrow keys go by cell and by row and stop at the edges", () => {
  assert.equal(stepOf("ArrowDown", 3, 7, 100), 10);
  assert.equal(stepOf("ArrowUp", 3, 7, 100), 3);
  assert.equal(stepOf("ArrowRight", 99, 7, 100), 99);
  assert.equal(stepOf("End", 3, 7, 100), 99);
});
