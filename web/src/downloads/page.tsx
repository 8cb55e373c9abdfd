// Downloads: ask for music elsewhere, and see it arrive.

import { api } from "../api/client";
import { spoil, useResource } from "../api/store";
import { sayProblem } from "../app/toasts";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { PageHead } from "../parts/head";
import { Part, Rows } from "../parts/rows";
import { words } from "../words";
import { AskBox, useSources } from "./ask";
import { LidarrQueue } from "./lidarr";
import { DownloadRow } from "./row";
import { isOver, isUnderWay } from "./states";

const MOST = 100;

export function DownloadsPage() {
  const { downloads: said } = words.value;
  const hasLidarr = useSources().data.value?.some((one) => one.name === "lidarr" && one.state === "ok");
  return (
    <div class="narrow">
      <PageHead title={said.title} />
      <AskBox />
      <Queue />
      {hasLidarr && <LidarrQueue />}
    </div>
  );
}

function Queue() {
  const { downloads: said } = words.value;
  const queue = useResource("downloads queue", (signal) => api("GET /api/downloads/queue", { signal }), ["downloads"]);
  const all = useResource("downloads", (signal) => api("GET /api/downloads", { query: { limit: MOST }, signal }), ["downloads"]);
  const problem = queue.error.value ?? all.error.value;
  if (!queue.data.value || !all.data.value) {
    return problem ? <Failed problem={problem} again={() => void Promise.all([queue.refresh(), all.refresh()])} /> : <SkeletonLines count={6} />;
  }
  const moving = queue.data.value.filter(isUnderWay);
  const needy = queue.data.value.filter((one) => !isUnderWay(one));
  const over = all.data.value.filter(isOver);
  if (moving.length + needy.length + over.length === 0) return <Empty icon="download" title={said.empty} hint={said.emptyHint} />;
  const clear = async () => {
    try {
      for (const { id } of over) await api("DELETE /api/downloads/{id}", { path: { id } });
    } catch (error) {
      sayProblem(error);
    }
    spoil("downloads");
  };
  const clearing = (
    <button type="button" class="button small" onClick={() => void clear()}>
      {said.clear}
    </button>
  );
  return (
    <>
      {needy.length > 0 && (
        <Part title={said.needy}>
          <Rows label={said.needy}>
            {needy.map((one) => (
              <DownloadRow key={one.id} download={one} />
            ))}
          </Rows>
        </Part>
      )}
      {moving.length > 0 && (
        <Part title={said.moving}>
          <Rows label={said.moving}>
            {moving.map((one) => (
              <DownloadRow key={one.id} download={one} />
            ))}
          </Rows>
        </Part>
      )}
      {over.length > 0 && (
        <Part title={said.over} tools={clearing}>
          <Rows label={said.over}>
            {over.map((one) => (
              <DownloadRow key={one.id} download={one} />
            ))}
          </Rows>
        </Part>
      )}
    </>
  );
}
