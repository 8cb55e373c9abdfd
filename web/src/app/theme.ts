// Light or dark: as the system prefers, unless somebody chose.

import { effect, signal } from "@preact/signals";
import { recall, store } from "./recall";

export type Theme = "auto" | "light" | "dark";

export const theme = signal<Theme>(recall("theme", "auto"));

export function startTheme(): void {
  effect(() => {
    const chosen = theme.value;
    store("theme", chosen);
    if (chosen === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  });
}
