import assert from "node:assert/strict";
import { test } from "node:test";
import { de } from "./de";
import { en } from "./en";
import { chosen } from "./index";

test("a language is found by its main part, and what is not there falls through", () => {
  const there = { en: 1, de: 2 };
  assert.equal(chosen(["fr-FR", "de-AT", "en"], there), 2);
  assert.equal(chosen(["pt-BR"], there), undefined);
  assert.equal(chosen(["constructor"], there), undefined);
});

test("no word of German is missing or still English where it has a sentence", () => {
  const same: string[] = [];
  const walk = (a: object, b: object, path: string) => {
    for (const [key, value] of Object.entries(a)) {
      const other = (b as Record<string, unknown>)[key];
      assert.equal(typeof other, typeof value, `${path}${key}`);
      if (typeof value === "object" && value !== null) walk(value as object, other as object, `${path}${key}.`);
      else if (typeof value === "string" && value === other && value.split(" ").length > 4) same.push(`${path}${key}`);
    }
  };
  walk(en, de, "");
  assert.deepEqual(same, []);
});
