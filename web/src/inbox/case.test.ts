import assert from "node:assert/strict";
import { test } from "node:test";
import type { Evidence } from "../api/schema";
import { doubtOf, folderOf, ofImport, saidOf, titleOf } from "./case";

const row = (more: Partial<Evidence>): Evidence => ({ field: "album", witness: "tags", factor: 1, value: "Blue", ...more });

test("what files say stands apart from what was found, and rows without a value say nothing", () => {
  const said = saidOf([row({}), row({ witness: "musicbrainz", value: "Blue (Deluxe)" }), row({ value: null }), row({ field: "year" })], "album");
  assert.deepEqual(said.files.map((one) => one.value), ["Blue"]);
  assert.deepEqual(said.found.map((one) => one.value), ["Blue (Deluxe)"]);
});

test("a doubt is what is left of it after a catalogue has settled its share", () => {
  assert.equal(doubtOf(row({ factor: 0.7 })), 30);
  assert.equal(doubtOf(row({ factor: 0.7, settled: 0.5 })), 15);
  assert.equal(doubtOf(row({ factor: 1 })), 0);
});

test("a case without names is called by its folder", () => {
  const one = ofImport({ id: 1, state: "review", source_path: "import/pending/Shoe box", source: "import", created_at: "", evidence: [] });
  assert.equal(one.status, "pending");
  assert.equal(titleOf(one), "Shoe box");
  assert.equal(folderOf(""), "");
});
