// The tracks of an album, by disc.

import type { AlbumDetail, TrackBrief } from "../api/schema";
import { isAdmin } from "../app/session";
import { editTrack } from "../edits/things";
import { Heart } from "../hearts/heart";
import { Badge, QualityBadge } from "../parts/badge";
import { Icon } from "../parts/icon";
import { Menu } from "../parts/menu";
import { qualityOf } from "../parts/quality";
import { clock } from "../parts/time";
import { current, enqueue, play, playablesOf } from "../player/queue";
import { isPlaying, toggle } from "../player/sound";
import { askToDelete } from "../trash/remove";
import { words } from "../words";
import { discsOf } from "./discs";

export function TrackList({ album }: { album: AlbumDetail }) {
  const discs = discsOf(album.tracks);
  const whole = qualityOf(album.tracks);
  // One badge at the head says it for all, unless they differ.
  const isMixed = whole === undefined || new Set(album.tracks.map((t) => JSON.stringify(qualityOf([t])))).size > 1;
  return (
    <div class="discs">
      {discs.map(({ disc, tracks }) => (
        <section key={disc} aria-label={discs.length > 1 ? words.value.album.disc(disc) : words.value.album.tracks}>
          {discs.length > 1 && <h2 class="disc-title">{words.value.album.disc(disc)}</h2>}
          <ol class="tracks">
            {tracks.map((track) => (
              <TrackRow key={track.id} track={track} album={album} hasBadge={isMixed || (track.is_filling && track.is_lossy)} />
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
}

function TrackRow({ track, album, hasBadge }: { track: TrackBrief; album: AlbumDetail; hasBadge: boolean }) {
  const { album: said, library, player } = words.value;
  const isCurrent = current.value?.id === track.id;
  const isSounding = isCurrent && isPlaying.value;
  const start = () => {
    if (isCurrent) return toggle();
    const all = playablesOf(album);
    play(all, Math.max(0, all.findIndex((one) => one.id === track.id)));
  };
  return (
    <li class={`track ${isCurrent ? "is-current" : ""} ${track.missing ? "is-missing" : ""}`}>
      <button
        type="button"
        class="track-play"
        disabled={track.missing}
        aria-label={`${track.track_number}. ${isSounding ? player.pause : library.play(track.title)}`}
        onClick={start}
      >
        <span class="track-number">{track.track_number}</span>
        <Icon name={isSounding ? "pause" : "play-full"} size={16} />
      </button>
      <div class="track-words">
        <span class="track-title" dir="auto" onDblClick={start}>
          {track.title}
        </span>
        {track.artist_name && (
          <span class="track-artist" dir="auto">
            {track.artist_name}
          </span>
        )}
      </div>
      {track.missing && <Badge kind="warn">{said.missing}</Badge>}
      {hasBadge && <QualityBadge sounds={[track]} isFilling={track.is_filling} />}
      <span class="track-time">{clock(track.duration)}</span>
      <Heart thing="track" id={track.id} name={track.title} />
      <TrackMenu track={track} album={album} />
    </li>
  );
}

function TrackMenu({ track, album }: { track: TrackBrief; album: AlbumDetail }) {
  const one = playablesOf(album).filter((playable) => playable.id === track.id);
  const add = { label: words.value.player.enqueue, icon: "queue" as const, run: () => enqueue(one) };
  const edit = { label: words.value.edits.track, icon: "edit" as const, run: () => editTrack(track, album) };
  const remove = {
    label: words.value.delete,
    icon: "trash" as const,
    isDanger: true,
    run: () => askToDelete("track", [track.id], track.title),
  };
  return (
    <Menu label={words.value.album.moreFor(track.title)} items={[...(one.length > 0 ? [add] : []), edit, ...(isAdmin.value ? [remove] : [])]}>
      <Icon name="more" />
    </Menu>
  );
}
