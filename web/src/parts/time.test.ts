import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, bytes, clock } from "./time";

test("lengths read like a clock", () => {
  for (const [seconds, said] of [[0, "0:00"], [75, "1:15"], [3725, "1:02:05"], [59.9, "0:59"]] as const) {
    assert.equal(clock(seconds), said);
  }
  assert.equal(clock(null), "");
  assert.equal(clock(Number.NaN), "");
});

test("sizes have at most one digit behind the point", () => {
  assert.equal(bytes(8_421_376, "en"), "8.4 MB");
  assert.equal(bytes(999_900, "en"), "1 MB");
  assert.equal(bytes(512, "de"), "512 B");
  assert.equal(bytes(1_234_000_000, "de"), "1,2 GB");
});

test("how long ago, in the largest unit that fits", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  assert.equal(ago("2026-03-01T11:57:00Z", "en", now), "3 minutes ago");
  assert.equal(ago("2026-02-28T12:00:00Z", "en", now), "yesterday");
});
