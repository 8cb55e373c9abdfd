// Paste an address, or search where a source can be searched: what it is, before anything is fetched.

import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import type { AddressInfo, Download } from "../api/schema";
import type { Source } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { put, query } from "../app/router";
import { isAdmin } from "../app/session";
import { say } from "../app/toasts";
import { Badge, SourceBadge } from "../parts/badge";
import { Failed, SkeletonLines } from "../parts/empty";
import { FormProblem, Switch, useSend } from "../parts/form";
import { Icon } from "../parts/icon";
import { Facts } from "../parts/rows";
import { clock } from "../parts/time";
import { words } from "../words";
import { LidarrArtists } from "./lidarr";
import { QobuzSearch } from "./qobuz";
import { addressFrom, isAddress } from "./states";

export function AskBox() {
  const { downloads: said } = words.value;
  const asked = query.value.get("q") ?? "";
  const [typed, setTyped] = useState(asked);
  useEffect(() => setTyped(asked), [asked]);
  const submit = (event: Event) => {
    event.preventDefault();
    put({ q: typed.trim() || null });
  };
  const clear = () => put({ q: null });
  return (
    <div class="ask-box">
      <form class="ask-line" role="search" onSubmit={submit}>
        <label class="search-box">
          <Icon name="link" />
          <input
            type="search"
            value={typed}
            placeholder={said.placeholder}
            aria-label={said.ask}
            enterkeyhint="go"
            autocapitalize="none"
            spellcheck={false}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <button class="button primary">{isAddress(typed.trim()) ? said.look : said.search}</button>
      </form>
      {asked && (isAddress(asked) ? <Address key={asked} address={addressFrom(asked)} done={clear} /> : <Catalogue key={asked} asked={asked} />)}
    </div>
  );
}

/** What is at a pasted address, and the button that fetches it. */
function Address({ address, done }: { address: string; done: () => void }) {
  const { downloads: said, cancel, retry } = words.value;
  const found = useResource(`address ${address}`, (signal) => api("GET /api/downloads/url/info", { query: { url: address }, signal }), []);
  const info = found.data.value;
  const problem = found.error.value;
  if (problem) {
    return (
      <div class="card form-card" role="alert">
        <h2>{said.notThere}</h2>
        <FormProblem problem={problem} />
        <div class="form-foot">
          <button type="button" class="button" onClick={() => void found.refresh()}>
            <Icon name="refresh" size={18} /> {retry}
          </button>
          <button type="button" class="button quiet" onClick={done}>
            {cancel}
          </button>
        </div>
      </div>
    );
  }
  if (!info) {
    return (
      <div class="card" aria-busy="true">
        <p class="muted">{said.looking}</p>
        <SkeletonLines count={3} />
      </div>
    );
  }
  return <AddressFound info={info} address={address} done={done} />;
}

function AddressFound({ info, address, done }: { info: AddressInfo; address: string; done: () => void }) {
  const { downloads: said, counts, quality } = words.value;
  const [isConfirmed, setConfirmed] = useState(false);
  const { isBusy, problem, send } = useSend();
  const submit = async (event: Event) => {
    event.preventDefault();
    const isTaken = await send(async () => queued(await api("POST /api/downloads/url", { body: { url: address, confirm_lossy: isConfirmed } })));
    if (isTaken) done();
  };
  return (
    <form class="card form-card" onSubmit={(event) => void submit(event)}>
      <div class="found">
        {info.thumbnail?.startsWith("https:") && <img class="found-picture" src={info.thumbnail} alt="" referrerpolicy="no-referrer" />}
        <div class="found-words">
          <h2 dir="auto">{info.title || address}</h2>
          <p class="muted">
            <Facts of={[info.artist, info.album, (info.tracks ?? 0) > 1 && counts.tracks(info.tracks ?? 0), clock(info.duration)]} />
          </p>
          <p class="badges">
            <SourceBadge source={info.source} />
            {info.is_lossy && (
              <Badge kind="lossy" title={quality.lossyHint}>
                {quality.lossy}
              </Badge>
            )}
          </p>
        </div>
      </div>
      {info.is_lossy && <Switch label={said.lossyConfirm} hint={said.lossyHint} isOn={isConfirmed} set={setConfirmed} />}
      <FormProblem problem={problem} />
      <div class="form-foot">
        <button class="button primary" disabled={isBusy || (info.is_lossy && !isConfirmed)}>
          <Icon name="download" size={18} /> {said.fetch}
        </button>
        <button type="button" class="button quiet" onClick={done}>
          {words.value.cancel}
        </button>
      </div>
    </form>
  );
}

export function queued(download: Download): void {
  const { downloads: said } = words.value;
  spoil("downloads");
  if (download.status === "duplicate") say(said.isThere);
  else say(said.queued(download.title ?? ""), { kind: "good" });
}

export function useSources() {
  return useResource("sources", (signal) => api("GET /api/sources", { signal }), ["sources"]);
}

/** Searching the sources that can be searched and are up; without one, what to do about that. */
function Catalogue({ asked }: { asked: string }) {
  const { downloads: said } = words.value;
  const sources = useSources();
  if (!sources.data.value) return sources.error.value ? <Failed problem={sources.error.value} again={() => void sources.refresh()} /> : <SkeletonLines count={4} />;
  const isUp = (name: string) => sources.data.value?.some((one) => one.name === name && one.state === "ok");
  const qobuz = sources.data.value.find((one) => one.name === "qobuz");
  if (!isUp("qobuz") && !isUp("lidarr")) return <NoSource qobuz={qobuz} said={said.noSource} />;
  return (
    <>
      {isUp("qobuz") && <QobuzSearch asked={asked} />}
      {isUp("lidarr") && <LidarrArtists asked={asked} />}
    </>
  );
}

function NoSource({ qobuz, said }: { qobuz: Source | undefined; said: string }) {
  const { downloads } = words.value;
  return (
    <div class="card">
      <h2>{said}</h2>
      <p class="muted">{qobuz?.why ?? downloads.noSourceHint}</p>
      {isAdmin.value && (
        <p>
          <a href="/settings/sources">{downloads.toSources}</a>
        </p>
      )}
    </div>
  );
}
