// The words of the language that this person reads. Another language: a file beside `en.ts` and a line here.

import { computed, effect, signal } from "@preact/signals";
import { recall, store } from "../app/recall";
import { de } from "./de";
import { en, type Words } from "./en";

export const languages: Record<string, Words> = { en, de };

/** `auto`: what the browser asks for. */
export const language = signal<string>(recall("language", "auto"));

export const words = computed<Words>(() => {
  const asked = language.value === "auto" ? navigator.languages : [language.value];
  return chosen(asked, languages) ?? en;
});

/** The first that is there, by its main part: `de-AT` is `de`. */
export function chosen<T>(asked: readonly string[], there: Record<string, T>): T | undefined {
  const found = asked.map((tag) => tag.split("-")[0]?.toLowerCase() ?? "").find((tag) => Object.hasOwn(there, tag));
  return found === undefined ? undefined : there[found];
}

export function startWords(): void {
  effect(() => {
    store("language", language.value);
    document.documentElement.lang = words.value.locale;
  });
}
