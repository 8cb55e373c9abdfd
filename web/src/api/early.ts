// What was asked before the page's own script was there (`../early.ts`): each answer is taken once.

declare global {
  interface Window {
    /** Answers that are on their way, by address. */
    early?: Map<string, Promise<Response>>;
  }
}

/** The answer to a GET of this address that is on its way already; nobody else gets it. */
export function takeEarly(address: string): Promise<Response> | undefined {
  const answer = window.early?.get(address);
  window.early?.delete(address);
  return answer;
}

/** What nobody has taken is not true for long. */
export function forgetEarly(): void {
  window.early?.clear();
}
