import assert from "node:assert/strict";
import { test } from "node:test";
import { LongList } from "./list";

/** A list of `total` numbers, and what was asked for. */
function numbers(total: number) {
  const asked: { page: number; cursor?: string }[] = [];
  const list = new LongList<number>(async ({ page, limit, cursor }) => {
    asked.push({ page, ...(cursor ? { cursor } : {}) });
    const from = (page - 1) * limit;
    const items = Array.from({ length: Math.max(0, Math.min(limit, total - from)) }, (_, n) => from + n);
    return { items, total, next_cursor: from + limit < total ? `behind ${from + limit - 1}` : null };
  }, 10);
  return { list, asked };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

test("only what is looked at is asked for, and a page that follows by its cursor", async () => {
  const { list, asked } = numbers(50_000);
  list.show(0, 5);
  await settled();
  assert.equal(list.total.value, 50_000);
  list.show(10, 15);
  await settled();
  list.show(49_990, 50_000);
  await settled();
  assert.deepEqual(asked, [{ page: 1 }, { page: 2, cursor: "behind 9" }, { page: 5000 }]);
  assert.equal(list.at(12), 12);
  assert.equal(list.at(49_999), 49_999);
  assert.equal(list.at(25), undefined);
});

test("nothing beyond the end is asked for, and nothing twice", async () => {
  const { list, asked } = numbers(12);
  list.show(0, 5);
  await settled();
  list.show(0, 40);
  await settled();
  list.show(0, 40);
  await settled();
  assert.deepEqual(asked.map(({ page }) => page), [1, 2]);
  assert.deepEqual(list.here(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("what is spoiled stays on the screen until the new answer is there", async () => {
  const { list, asked } = numbers(12);
  list.show(0, 5);
  await settled();
  list.markStale();
  assert.equal(list.at(3), 3);
  list.show(0, 5);
  assert.equal(list.at(3), 3);
  await settled();
  assert.equal(asked.length, 2);
});
