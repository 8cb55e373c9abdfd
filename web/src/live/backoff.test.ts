import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "./backoff";

test("waits grow to half a minute and never beyond, nor to nothing", () => {
  assert.equal(backoffMs(0, 1), 500);
  assert.equal(backoffMs(0, 0), 250);
  assert.equal(backoffMs(3, 1), 4000);
  assert.equal(backoffMs(50, 1), 30_000);
  assert.equal(backoffMs(50, 0), 15_000);
});
