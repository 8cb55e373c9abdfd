// Whole numbers as a language groups them. The browser's own way has to load its tables first, which is felt on a first page.

/** 12345 → `12,345` */
export function grouped(n: number, separator: string): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, separator);
}
