// Sources: how each is, its settings and its secret, and a test.

import { api } from "../api/client";
import { jobEnded } from "../api/jobs";
import type { Setting, Settings } from "../api/schema";
import { spoil } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { useSources } from "../downloads/ask";
import { Icon } from "../parts/icon";
import { Part } from "../parts/rows";
import { SourceRows } from "../parts/sources";
import { words } from "../words";
import { type HiddenField, SettingsForm } from "./fields";
import { isService, type Service, testService } from "./test";
import { inGroup } from "./value";

/** The names by which secrets are told. */
const SECRETS: Record<string, string> = {
  qobuz: "qobuz_password",
  lidarr: "lidarr_api_key",
  plex: "plex_token",
  jellyfin: "jellyfin_api_key",
  navidrome: "navidrome_password",
  torrentleech: "torrentleech_key",
  acoustid: "acoustid_key",
};
/** What is asked at once; of all others it is looked how they are. */

/** Sources whose settings have another name. */
const SAME: Record<string, string> = { yt_dlp: "downloads", cover_art_archive: "coverart" };

export function SourcesTab({ settings }: { settings: Settings }) {
  const { health, settings: said } = words.value;
  const sources = useSources().data.value;
  const check = async () => {
    try {
      await api("POST /api/sources/check");
      say(said.checking);
    } catch (error) {
      sayProblem(error);
    }
    spoil("sources");
  };
  const tools = (
    <button type="button" class="button small" onClick={() => void check()}>
      <Icon name="refresh" size={16} /> {said.checkNow}
    </button>
  );
  const groups = new Map<string, Setting[]>();
  for (const setting of inGroup(settings.settings, "sources")) {
    const name = setting.name.split(".")[0] ?? "";
    groups.set(name, [...(groups.get(name) ?? []), setting]);
  }
  return (
    <>
      {sources && sources.length > 0 && (
        <Part title={said.tabs.sources} hint={health.sourcesHint} tools={tools}>
          <SourceRows all={sources} />
        </Part>
      )}
      {[...groups].map(([name, of]) => (
        <Part key={name} title={said.services[name] ?? name} tools={name === "bandcamp" && settings.bandcamp_enabled && <Purchases />}>
          <SettingsForm settings={of} hidden={hiddenOf(name, settings)} test={() => (isService(name) ? tested(name) : looked(name))} />
        </Part>
      ))}
    </>
  );
}

/** What was bought and is not here yet. */
function Purchases() {
  const { jobs, settings: said } = words.value;
  const fetchThem = async () => {
    try {
      await api("POST /api/settings/bandcamp/sync");
      say(jobs.begun, { kind: "good" });
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <button type="button" class="button small" onClick={() => void fetchThem()}>
      <Icon name="download" size={16} /> {said.purchases}
    </button>
  );
}

function hiddenOf(name: string, settings: Settings): HiddenField[] {
  const { settings: said } = words.value;
  const secret = SECRETS[name];
  const hidden: HiddenField[] = secret ? [{ name: secret, label: said.secrets[secret] ?? secret, hint: said.secretHint, type: "password" }] : [];
  if (name !== "qobuz") return hidden;
  // The address is shown with stars in it: another one takes its place.
  const email = settings.qobuz_email;
  return [{ name: "qobuz_email", label: said.qobuzEmail, hint: email ? said.now(email) : said.notSet, type: "email" }, ...hidden];
}

async function looked(name: string): Promise<void> {
  const { health, settings: said } = words.value;
  await jobEnded((await api("POST /api/sources/check")).job_id);
  const all = await api("GET /api/sources");
  spoil("sources");
  const one = all.find((source) => source.name === name || SAME[source.name] === name);
  if (!one) return say(said.noSource);
  const state = health.sourceStates[one.state] ?? one.state;
  say(`${one.title}: ${[state, one.why ?? one.version].filter(Boolean).join(" · ")}`, { kind: one.state === "down" ? "bad" : "good" });
}

async function tested(name: Service): Promise<void> {
  const version = await testService(name);
  say([words.value.house.works, version].filter(Boolean).join(" · "), { kind: "good" });
  spoil("sources");
}
