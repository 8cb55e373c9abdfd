import assert from "node:assert/strict";
import { test } from "node:test";
import { grouped, lampOf } from "./health";

test("parts stand in their groups, and those of tomorrow with the rest", () => {
  const groups = grouped({ worker: "ok", database: "ok", music_path: "readonly", telescope: "ok" });
  assert.deepEqual(groups, [
    ["units", [["worker", "ok"]]],
    ["stores", [["database", "ok"]]],
    ["music", [["music_path", "readonly"]]],
    ["rest", [["telescope", "ok"]]],
  ]);
});

test("what nobody knows is no alarm, and what is broken is one", () => {
  assert.deepEqual(["ok", "stale", "unreachable"].map(lampOf), ["good", "warn", "bad"]);
});
