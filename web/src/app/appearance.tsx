// How this browser shows the pages: light or dark, and in which language.

import { languages, language, words } from "../words";
import { type Theme, theme } from "./theme";

export function Appearance() {
  const { shell } = words.value;
  const themes: [Theme, string][] = [["auto", shell.auto], ["light", shell.light], ["dark", shell.dark]];
  return (
    <div class="form-grid">
      <label class="field">
        <span>{shell.theme}</span>
        <select value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
          {themes.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>{shell.language}</span>
        <select value={language.value} onChange={(event) => (language.value = event.currentTarget.value)}>
          <option value="auto">{shell.auto}</option>
          {Object.entries(languages).map(([code, { language: name }]) => (
            <option key={code} value={code} lang={code}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
