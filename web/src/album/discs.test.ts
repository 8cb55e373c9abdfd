import assert from "node:assert/strict";
import { test } from "node:test";
import { discsOf, groupsOf, hasGaps } from "./discs";

test("discs are in order whatever order tracks come in", () => {
  const tracks = [{ disc_number: 2, id: 3 }, { disc_number: 1, id: 1 }, { disc_number: 2, id: 4 }];
  assert.deepEqual(discsOf(tracks).map(({ disc, tracks: of }) => [disc, of.map((t) => t.id)]), [[1, [1]], [2, [3, 4]]]);
});

test("what came at once is said once, a filled gap by itself", () => {
  const from = (source: string, second: string) => ({ source, arrived_at: `2026-03-01T12:00:${second}Z`, is_replacement: false });
  const groups = groupsOf([
    { title: "One", history: [from("qobuz", "01")] },
    { title: "Two", history: [from("qobuz", "09")] },
    { title: "Three", history: [from("youtube", "30")] },
  ]);
  assert.deepEqual(groups.map((group) => group.titles), [["One", "Two"], ["Three"]]);
});

test("a number that is passed over is a gap, a hidden track and another way of numbering are none", () => {
  const of = (...numbers: number[]) => hasGaps(numbers.map((track_number) => ({ disc_number: 1, track_number })));
  assert.equal(of(1, 2, 4), true);
  assert.equal(of(2, 3), true);
  assert.equal(of(0, 1, 2), false);
  assert.equal(of(101, 102, 104), false);
});
