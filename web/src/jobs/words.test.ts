import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { en } from "../words/en";
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

test("each kind of job has a name for people", () => {
  // The tests run in web/, beside the program's source.
  const rust = "../src";
  const sources = readdirSync(rust, { recursive: true }).filter((name) => name.endsWith(".rs"));
  const kinds = sources.flatMap((name) => [...readFileSync(`${rust}/${name}`, "utf8").matchAll(/const KIND: &'static str = "([\w.]+)"/g)].map((found) => found[1] ?? ""));
  assert.ok(kinds.length > 30);
  assert.deepEqual(kinds.filter((kind) => !(kind in en.jobs.kinds)), []);
});
