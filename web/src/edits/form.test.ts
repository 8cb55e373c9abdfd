import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyOf, changesOf, commonOf } from "./form";

test("only what was changed is sent, and blanks around it are not a change", () => {
  const before = { title: "÷", year: "2017", label: "" };
  assert.deepEqual(changesOf(before, { title: " ÷ ", year: "2018", label: "" }), { year: "2018" });
  assert.deepEqual(changesOf(before, { title: "×", year: "", label: "" }), { title: "×", year: "" });
});

test("numbers are sent as numbers, and none takes the value away", () => {
  assert.deepEqual(bodyOf({ year: "1998", title: "1998" }, ["year"]), { year: 1998, title: "1998" });
  assert.deepEqual(bodyOf({ year: "" }, ["year"]), { year: 0 });
});

test("what several albums have in common stands in the form", () => {
  const rows = [{ g: "Jazz" }, { g: "Jazz" }];
  assert.equal(commonOf(rows, (row) => row.g), "Jazz");
  assert.equal(commonOf([...rows, { g: "Pop" }], (row) => row.g), "");
});
