// What an album is missing, by name where it is known, and the way to have it fetched.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import { jobEnded } from "../api/jobs";
import type { AlbumDetail } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { go } from "../app/router";
import { say, sayProblem } from "../app/toasts";
import { Switch } from "../parts/form";
import { Icon } from "../parts/icon";
import { clock } from "../parts/time";
import { words } from "../words";
import { said as asSaid } from "../words/problems";
import { hasGaps } from "./discs";

export function MissingTracks({ album }: { album: AlbumDetail }) {
  return album.available_tracks < album.total_tracks || hasGaps(album.tracks) ? <Missing album={album} /> : null;
}

function Missing({ album }: { album: AlbumDetail }) {
  const { missing: said, album: of } = words.value;
  const { id } = album;
  const found = useResource(`missing of ${id}`, (signal) => api("GET /api/albums/{id}/missing", { path: { id }, signal }), [`album:${id}`, "library"]);
  const all = found.data.value;
  if (!all || all.tracks.length + all.discs.length + all.unnamed === 0) return null;
  const hasDiscs = album.disc_count > 1;
  return (
    <section class="missing" aria-label={said.title}>
      <div class="missing-head">
        <h2>{said.title}</h2>
        {album.available_tracks < album.total_tracks && <FillGaps album={album} />}
      </div>
      <ul class="tracks">
        {all.tracks.map((track) => (
          <li key={`${track.disc_number}.${track.track_number}`} class="track is-missing">
            <span class="track-number">{hasDiscs ? `${track.disc_number}.${track.track_number}` : track.track_number}</span>
            <div class="track-words">
              <span class="track-title" dir="auto">
                {track.title ?? said.track(track.track_number)}
              </span>
              {track.artist && (
                <span class="track-artist" dir="auto">
                  {track.artist}
                </span>
              )}
            </div>
            <span class="track-time">{clock(track.duration)}</span>
          </li>
        ))}
        {all.discs.map((disc) => (
          <li key={disc} class="track is-missing">
            <span class="track-number" />
            <span class="track-words">{said.disc(of.disc(disc))}</span>
          </li>
        ))}
        {all.unnamed > 0 && (
          <li class="track is-missing">
            <span class="track-number" />
            <span class="track-words">{said.unnamed(all.unnamed)}</span>
          </li>
        )}
      </ul>
    </section>
  );
}

function FillGaps({ album }: { album: AlbumDetail }) {
  const { missing: said, show } = words.value;
  const [isBusy, setBusy] = useState(false);
  const [allowsLossy, setAllowsLossy] = useState(false);
  const fill = async () => {
    setBusy(true);
    try {
      const { job_id: job } = await api("POST /api/albums/{id}/fill-gaps", { path: { id: album.id }, query: { confirm_lossy: String(allowsLossy) } });
      const state = await jobEnded(job);
      if (state === "completed") say(said.asked(album.title), { kind: "good", action: { label: show, run: () => go("/downloads") } });
      else if (state === "running") say(said.asking);
      else {
        const why = (await api("GET /api/jobs/{id}", { path: { id: job } })).error ?? said.nobody;
        say(asSaid(why), { kind: "bad" });
      }
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
      spoil("downloads");
    }
  };
  return (
    <div class="missing-ways">
      <Switch label={said.lossy} isOn={allowsLossy} set={setAllowsLossy} isDisabled={isBusy} />
      <button type="button" class="button small" disabled={isBusy} onClick={() => void fill()}>
        <Icon name="download" size={16} /> {said.fill}
      </button>
    </div>
  );
}
