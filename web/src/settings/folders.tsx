// Folders: where everything lies, whether it can be reached, and bringing in what lies elsewhere in them.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { Settings } from "../api/schema";
import { spoil } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { FormProblem, problemOfField, useSend } from "../parts/form";
import { FolderField } from "../parts/folders";
import { Details, Part } from "../parts/rows";
import { askHealth } from "../status/health";
import { words } from "../words";

const CHECKS = ["music_path", "music_library", "music_users", "files"];

export function FoldersTab({ settings }: { settings: Settings }) {
  const { settings: said, house, health } = words.value;
  const test = async () => {
    try {
      const { checks } = await askHealth(new AbortController().signal);
      const bad = CHECKS.filter((part) => checks[part] && checks[part] !== "ok");
      if (bad.length === 0) say(said.foldersWork, { kind: "good" });
      else say(bad.map((part) => `${health.parts[part] ?? part}: ${health.codes[checks[part] ?? ""] ?? checks[part]}`).join(", "), { kind: "bad" });
    } catch (error) {
      sayProblem(error);
    }
  };
  const tools = (
    <button type="button" class="button small" onClick={() => void test()}>
      {house.test}
    </button>
  );
  const all: [string, string][] = [
    [said.paths.music, settings.music_path_host],
    [said.paths.library, settings.music_library],
    [said.paths.users, settings.music_users],
    [said.paths.inbox, `${settings.music_import}/pending`],
    [said.paths.downloads, settings.music_downloads],
    [said.paths.exports, settings.music_export],
    [said.paths.backups, settings.music_database],
  ];
  return (
    <>
      <Part title={said.tabs.folders} hint={said.hints.folders} tools={tools}>
        <div class="card">
          <Details of={all.map(([name, path]) => [name, <code key={path}>{path}</code>])} />
        </div>
      </Part>
      <Act
        title={said.importFolder}
        hint={said.importFolderHint}
        does={said.bringIn}
        start={`${settings.music_import}/pending`}
        field="path"
        run={async (path) => {
          await api("POST /api/import", { body: { path } });
          spoil("imports");
        }}
      />
      <Act title={said.rescan} hint={said.rescanHint} does={said.lookThrough} start={settings.music_library} field="dir" run={(dir) => api("POST /api/admin/rescan", { body: { dir } })} />
    </>
  );
}

interface ActProps {
  title: string;
  hint: string;
  does: string;
  start: string;
  field: string;
  run: (path: string) => Promise<unknown>;
}

function Act({ title, hint, does, start, field, run }: ActProps) {
  const { jobs, exports } = words.value;
  const [path, setPath] = useState(start);
  const { isBusy, problem, send } = useSend();
  const submit = async (event: Event) => {
    event.preventDefault();
    if (await send(() => run(path.trim()))) say(jobs.begun, { kind: "good" });
  };
  return (
    <Part title={title} hint={hint}>
      <form class="card form-card" onSubmit={(event) => void submit(event)}>
        <FolderField label={exports.path} value={path} set={setPath} problem={problemOfField(problem, field)} />
        <FormProblem problem={problem} fields={[field]} />
        <div class="form-foot">
          <button class="button" disabled={isBusy}>
            {does}
          </button>
        </div>
      </form>
    </Part>
  );
}
