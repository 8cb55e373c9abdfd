import assert from "node:assert/strict";
import { test } from "node:test";
import type { Download } from "../api/schema";
import { actsOf, addressFrom, isAddress, nameOf, wantsLossy } from "./states";

const one = (more: Partial<Download>): Download => ({ id: 1, source: "url", status: "failed", progress: 0, confirm_lossy: false, quality: 4, user_id: 1, created_at: "", ...more });

test("what can be done follows from the state, and leads nowhere that is not", () => {
  assert.deepEqual(actsOf(one({ status: "downloading" })), ["cancel"]);
  assert.deepEqual(actsOf(one({ status: "complete" })), ["dismiss"]);
  assert.deepEqual(actsOf(one({ status: "complete", result_album_id: 7 })), ["show", "dismiss"]);
  assert.deepEqual(actsOf(one({ status: "pending_review", result_review_id: 3 })), ["review", "dismiss"]);
  assert.deepEqual(actsOf(one({ status: "a state of tomorrow" })), []);
});

test("an address is told from words", () => {
  for (const text of ["https://example.org/a", "http://10.0.0.1/x", "www.example.org/album", "artist.bandcamp.com/album/x"]) {
    assert.equal(isAddress(text), true, text);
  }
  for (const text of ["Kind of Blue", "https://", "AC/DC", "Mr. Bungle", "javascript:alert(1)"]) assert.equal(isAddress(text), false, text);
  assert.equal(addressFrom("artist.bandcamp.com/album/x"), "https://artist.bandcamp.com/album/x");
});

test("a download has a name before anything is known of it", () => {
  assert.equal(nameOf(one({})), "#1");
  assert.equal(nameOf(one({ source_url: "https://x.org", title: null })), "https://x.org");
  assert.equal(nameOf(one({ source_url: "https://x.org", title: "Blue" })), "Blue");
});

test("lossy music is offered only where it was refused for that", () => {
  assert.equal(wantsLossy(one({ error_message: "what it has is lossy, and that was not confirmed" })), true);
  assert.equal(wantsLossy(one({ error_message: "what it has is lossy", confirm_lossy: true })), false);
  assert.equal(wantsLossy(one({ error_message: "HTTP 404" })), false);
});
