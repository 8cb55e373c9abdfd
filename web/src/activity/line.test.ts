import assert from "node:assert/strict";
import { test } from "node:test";
import type { Activity } from "../api/schema";
import { addressOf, byDay, editOf, iconOf, thingOf } from "./line";

const line = (more: Partial<Activity>): Activity => ({ id: 1, action: "heart", created_at: "2026-03-01T12:00:00Z", ...more });

test("a line is about a thing, a person, or settings", () => {
  assert.equal(thingOf(line({ details: { artist: "Björk", title: "Hunter" } })), "Björk – Hunter");
  assert.equal(thingOf(line({ details: { title: "Björk – Homogenic", artist: "Björk" } })), "Björk – Homogenic");
  assert.equal(thingOf(line({ details: { username: "ada" } })), "ada");
  assert.equal(thingOf(line({ details: { settings: ["a.b", "c.d"] } })), "a.b, c.d");
  assert.equal(thingOf(line({ details: null })), "");
});

test("what was deleted is nowhere, and a track has no page of its own", () => {
  assert.equal(addressOf(line({ entity_type: "album", entity_id: 7 })), "/album/7");
  assert.equal(addressOf(line({ entity_type: "album", entity_id: 7, action: "delete" })), null);
  assert.equal(addressOf(line({ entity_type: "track", entity_id: 7 })), null);
});

test("days keep the order of their lines", () => {
  const days = byDay([line({ id: 3, created_at: "2026-03-02T12:00:00Z" }), line({ id: 2 }), line({ id: 1 })]);
  assert.deepEqual(days.map(([, of]) => of.map((one) => one.id)), [[3], [2, 1]]);
});

test("an edit can be found from its line, and an unknown verb has an icon", () => {
  assert.equal(editOf(line({ details: { edit_id: 5 } })), 5);
  assert.equal(editOf(line({})), null);
  assert.equal(iconOf("something_new"), "activity");
  assert.equal(iconOf("import_approved"), "inbox");
});
