import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../api/problem";
import { groupOf, isOther, problemOfSetting, sentOf, shownOf } from "./value";

test("a value comes back as it went", () => {
  for (const [toml, kind, text, sent] of [
    ["true", "switch", "on", true],
    ["false", "switch", "", false],
    ["0.85", "number", "0.85", 0.85],
    ['"http://localhost:8686"', "text", "http://localhost:8686", "http://localhost:8686"],
    ['["/srv", "/mnt"]', "list", "/srv\n/mnt", ["/srv", "/mnt"]],
    ["[]", "list", "", []],
    ['""', "text", "", ""],
  ] as const) {
    const shown = shownOf(toml);
    assert.deepEqual(shown, { kind, text });
    assert.deepEqual(sentOf(shown.kind, shown.text), sent);
  }
  assert.deepEqual(shownOf("not json"), { kind: "text", text: "not json" });
});

test("an emptied number is said to be none, not zero", () => {
  assert.equal(sentOf("number", " "), "");
});

test("what does not fit stands at its own field", () => {
  const problem = new Problem(400, "invalid", "imports.min_confidence: must be from 0 to 1");
  assert.equal(problemOfSetting(problem, "imports.min_confidence"), "must be from 0 to 1");
  assert.equal(problemOfSetting(problem, "imports.min"), "");
});

test("every setting has a page", () => {
  assert.deepEqual(["qobuz.quality", "backup.keep_daily", "imports.settle_seconds", "log_level"].map(groupOf), ["sources", "backups", "music", "house"]);
});

test("the same written otherwise is no edit", () => {
  assert.equal(isOther("number", "5.0", "5"), false);
  assert.equal(isOther("list", "/srv, /mnt", "/srv\n/mnt"), false);
  assert.equal(isOther("text", undefined, "a"), false);
  assert.equal(isOther("text", "", "a"), true);
});
