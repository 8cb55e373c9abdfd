// One download: what it is, how far, why not, and what can be done.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { Download } from "../api/schema";
import { spoil } from "../api/store";
import { go } from "../app/router";
import { say, sayProblem } from "../app/toasts";
import { QuickReview } from "../inbox/quick";
import { Badge, SourceBadge } from "../parts/badge";
import { Icon, type IconName } from "../parts/icon";
import { Facts, Progress, Row } from "../parts/rows";
import { ago, bytes } from "../parts/time";
import { words } from "../words";
import { asOfNow } from "./progress";
import { type Act, actsOf, isUnderWay, nameOf, wantsLossy } from "./states";

const ICONS: Record<string, IconName> = {
  pending: "activity",
  downloading: "download",
  importing: "inbox",
  complete: "check",
  duplicate: "album",
  failed: "warning",
  cancelled: "close",
  pending_review: "inbox",
};
const KINDS: Record<string, "good" | "bad" | "warn"> = { complete: "good", failed: "bad", pending_review: "warn" };

export function DownloadRow({ download: listed }: { download: Download }) {
  const { downloads: said, locale } = words.value;
  const [isOpen, setOpen] = useState(false);
  const download = asOfNow(listed);
  const acts = useActs(download, () => setOpen(!isOpen));
  const hasTools = actsOf(download).some((act) => act !== "dismiss");
  const name = nameOf(download);
  const state = said.states[download.status] ?? download.status;
  return (
    <Row
      icon={ICONS[download.status] ?? "download"}
      kind={KINDS[download.status]}
      title={
        <>
          {download.result_album_id ? <a href={`/album/${download.result_album_id}`}>{name}</a> : name} <SourceBadge source={download.source} />
        </>
      }
      below={
        <Facts
          of={[
            download.artist,
            isUnderWay(download) ? null : state,
            bytes(download.size, locale),
            isUnderWay(download) ? null : ago(download.completed_at ?? download.created_at, locale),
          ]}
        />
      }
      tools={hasTools && <Tools download={download} isOpen={isOpen} acts={acts} />}
      corner={actsOf(download).includes("dismiss") && <Dismiss download={download} acts={acts} />}
    >
      {isUnderWay(download) && <HowFar download={download} state={state} name={name} />}
      {download.error_message && <p class={download.status === "failed" ? "row-problem" : "row-below"}>{download.error_message}</p>}
      {download.status === "failed" && download.output && (
        <details class="fold">
          <summary>{said.output}</summary>
          <pre class="output" tabIndex={0}>
            {download.output}
          </pre>
        </details>
      )}
      {isOpen && download.result_review_id && <QuickReview id={download.result_review_id} done={() => spoil("downloads")} />}
    </Row>
  );
}

function HowFar({ download, state, name }: { download: Download; state: string; name: string }) {
  const { downloads: said } = words.value;
  const isMoving = download.status === "downloading";
  return (
    <>
      {download.status !== "pending" && <Progress percent={isMoving ? download.progress : undefined} label={said.howFar(name)} />}
      <span class="row-below">
        <Facts of={[state, isMoving && `${download.progress} %`, isMoving && download.speed, isMoving && download.eta && said.left(download.eta)]} />
      </span>
    </>
  );
}

/** What can be done with a download: how, and whether it is being done. */
function useActs(download: Download, toggle: () => void) {
  const { downloads: said } = words.value;
  const [isBusy, setBusy] = useState(false);
  const path = { id: download.id };
  const run = async (act: () => Promise<unknown>, done?: string) => {
    setBusy(true);
    try {
      await act();
      if (done) say(done);
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
      spoil("downloads", "review");
    }
  };
  const retry = (lossy: boolean) => void run(() => api("POST /api/downloads/{id}/retry", { path, body: { confirm_lossy: lossy } }));
  const does: Record<Act, () => void> = {
    cancel: () => void run(() => api("POST /api/downloads/{id}/cancel", { path }), said.cancelled(nameOf(download))),
    retry: () => retry(false),
    dismiss: () => void run(() => api("DELETE /api/downloads/{id}", { path })),
    review: toggle,
    show: () => go(`/album/${download.result_album_id}`),
  };
  return { isBusy, does, retry };
}

type Acts = ReturnType<typeof useActs>;

function Tools({ download, isOpen, acts: { isBusy, does, retry } }: { download: Download; isOpen: boolean; acts: Acts }) {
  const { downloads: said } = words.value;
  const isLossy = wantsLossy(download);
  const shown = actsOf(download).filter((act) => act !== "dismiss" && !(act === "retry" && isLossy));
  return (
    <>
      {isLossy && (
        <button type="button" class="button small" disabled={isBusy} onClick={() => retry(true)}>
          {said.lossyWelcome}
        </button>
      )}
      {shown.map((act) => (
        <button
          key={act}
          type="button"
          class={`button small ${act === "review" ? "primary" : ""}`}
          disabled={isBusy}
          aria-expanded={act === "review" ? isOpen : undefined}
          aria-label={words.value.house.of(said.acts[act], nameOf(download))}
          onClick={does[act]}
        >
          {said.acts[act]}
        </button>
      ))}
    </>
  );
}

function Dismiss({ download, acts: { isBusy, does } }: { download: Download; acts: Acts }) {
  const { downloads: said } = words.value;
  return (
    <button type="button" class="icon-button" disabled={isBusy} aria-label={words.value.house.of(said.acts.dismiss, nameOf(download))} title={said.acts.dismiss} onClick={does.dismiss}>
      <Icon name="close" size={18} />
    </button>
  );
}

/** A word for the lists of what was found. */
export function InLibrary({ id }: { id: number | null | undefined }) {
  const { downloads: said } = words.value;
  const badge = <Badge kind="good">{said.inLibrary}</Badge>;
  return id ? <a href={`/album/${id}`}>{badge}</a> : badge;
}
