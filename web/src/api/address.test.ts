import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf } from "./address";

test("path and query are escaped, and what has no value is left out", () => {
  assert.equal(
    addressOf("/api/artists/{id}/albums", { id: 7 }, { letter: "#", page: null, limit: 50, q: "a&b" }),
    "/api/artists/7/albums?letter=%23&limit=50&q=a%26b",
  );
  assert.equal(addressOf("/api/tl/check/{name}", { name: "a/../b" }), "/api/tl/check/a%2F..%2Fb");
});
