import assert from "node:assert/strict";
import { test } from "node:test";
import { grouped } from "./grouped";

test("thousands are set apart as the browser would", () => {
  for (const n of [0, 7, 999, 1000, 12_345, 1_234_567]) {
    assert.equal(grouped(n, ","), n.toLocaleString("en"));
    assert.equal(grouped(n, "."), n.toLocaleString("de"));
  }
});
