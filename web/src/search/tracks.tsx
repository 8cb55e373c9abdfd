// Tracks that were found: each plays, and leads to its album.

import type { Track } from "../api/schema";
import { Heart } from "../hearts/heart";
import { QualityBadge } from "../parts/badge";
import { Cover } from "../parts/cover";
import { Icon } from "../parts/icon";
import { clock } from "../parts/time";
import { current, play, playableOf } from "../player/queue";
import { isPlaying, toggle } from "../player/sound";
import { words } from "../words";

export function FoundTracks({ tracks }: { tracks: Track[] }) {
  const { search, library, player } = words.value;
  return (
    <section class="search-part">
      <h2>{search.tracks}</h2>
      <ol class="tracks">
        {tracks.map((track) => {
          const isCurrent = current.value?.id === track.id;
          const isSounding = isCurrent && isPlaying.value;
          return (
            <li key={track.id} class={`track with-cover ${isCurrent ? "is-current" : ""}`}>
              <button
                type="button"
                class="track-play"
                aria-label={isSounding ? player.pause : library.play(track.title)}
                onClick={() => (isCurrent ? toggle() : play([playableOf(track)]))}
              >
                <Cover of={{ thing: "album", id: track.album_id, name: track.album_title, artwork: track.artwork_path, version: track.artwork_version }} pixels={44} />
                <Icon name={isSounding ? "pause" : "play-full"} size={16} />
              </button>
              <div class="track-words">
                <span class="track-title" dir="auto">
                  {track.title}
                </span>
                <a class="track-artist" href={`/album/${track.album_id}`} dir="auto">
                  {track.artist_name} · {track.album_title}
                </a>
              </div>
              <QualityBadge sounds={[track]} />
              <span class="track-time">{clock(track.duration)}</span>
              <Heart thing="track" id={track.id} name={track.title} />
            </li>
          );
        })}
      </ol>
    </section>
  );
}
