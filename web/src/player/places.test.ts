import assert from "node:assert/strict";
import { test } from "node:test";
import { placeAfterTaking } from "./places";

test("what is taken out of the queue does not change what plays, unless it is that", () => {
  assert.equal(placeAfterTaking(3, 1), 2);
  assert.equal(placeAfterTaking(3, 5), 3);
  assert.equal(placeAfterTaking(3, 3), 3);
  assert.equal(placeAfterTaking(0, 0), 0);
});
