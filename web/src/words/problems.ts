// What the API could not do, in the language of the page: its own sentence is English, its code is for every language.

import type { Problem } from "../api/problem";
import { words } from ".";

/** A sentence of the API's as the catalogue has it; else as it is. */
export function said(sentence: string): string {
  return words.value.errors.sentences[sentence] ?? sentence;
}

/** The sentence that stands for this code or this sentence in the catalogue; else the API's own. */
export function textOf(problem: Problem): string {
  const { errors } = words.value;
  if (problem.status === 0) return errors.unreachable;
  return errors.sentences[problem.message] ?? errors.codes[problem.code]?.(problem.message) ?? problem.message;
}
