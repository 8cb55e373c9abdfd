// Settings: people, folders, sources, and everything that can be changed while the house runs.

import { useEffect, useRef } from "preact/hooks";
import { NotificationsPart } from "../account/notifications";
import { api } from "../api/client";
import type { Settings } from "../api/schema";
import { useResource } from "../api/store";
import { rest } from "../app/router";
import { Failed, SkeletonLines } from "../parts/empty";
import { PageHead } from "../parts/head";
import { Part } from "../parts/rows";
import { words } from "../words";
import { BackupsTab } from "./backups";
import { SettingsForm } from "./fields";
import { FoldersTab } from "./folders";
import { SourcesTab } from "./sources";
import { UsersTab } from "./users";
import { inGroup } from "./value";

const TABS = ["users", "folders", "sources", "music", "backups", "notifications", "house"] as const;

export function SettingsPage() {
  const { settings: said, shell } = words.value;
  const tab = TABS.find((one) => one === rest.value[0]) ?? "users";
  const tabs = useRef<HTMLElement>(null);
  useEffect(() => tabs.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), [tab]);
  const found = useResource<Settings>("settings", (signal) => api("GET /api/settings", { signal }), ["settings"]);
  const all = found.data.value;
  return (
    <div class="narrow">
      <PageHead title={shell.settings} />
      <nav class="subnav" aria-label={shell.settings} ref={tabs}>
        {TABS.map((one) => (
          <a key={one} href={`/settings/${one}`} aria-current={one === tab ? "page" : undefined}>
            {said.tabs[one]}
          </a>
        ))}
      </nav>
      {tab === "users" && <UsersTab />}
      {tab !== "users" && !all && (found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines />)}
      {all && tab === "folders" && <FoldersTab settings={all} />}
      {all && tab === "sources" && <SourcesTab settings={all} />}
      {all && tab === "backups" && <BackupsTab settings={all} />}
      {all && tab === "notifications" && <NotificationsTab settings={all} />}
      {all && (tab === "music" || tab === "house") && (
        <Part title={said.tabs[tab]} hint={said.hints[tab]}>
          <SettingsForm key={tab} settings={inGroup(all.settings, tab)} />
        </Part>
      )}
    </div>
  );
}

function NotificationsTab({ settings }: { settings: Settings }) {
  const { settings: said } = words.value;
  const of = inGroup(settings.settings, "notifications");
  return (
    <>
      {of.length > 0 && (
        <Part title={said.mail} hint={said.mailHint}>
          <SettingsForm
            settings={of}
            hidden={["smtp_password", "ntfy_token"].map((name) => ({ name, label: said.secrets[name] ?? "", hint: said.secretHint, type: "password" as const }))}
          />
        </Part>
      )}
      <NotificationsPart />
    </>
  );
}
