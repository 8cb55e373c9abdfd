// The bar at the bottom: what plays, on every page.

import { useState } from "preact/hooks";
import { Heart } from "../hearts/heart";
import { Cover } from "../parts/cover";
import { Icon } from "../parts/icon";
import { clock } from "../parts/time";
import { words } from "../words";
import { QueueList } from "./list";
import { current, hasNext, next, queue, stop } from "./queue";
import { back, isPlaying, isPreview, isWaiting, length, seconds, seek, toggle, volume } from "./sound";

export function PlayerBar() {
  const track = current.value;
  const [isListed, setListed] = useState(false);
  if (!track) return null;
  const { player } = words.value;
  return (
    <section class="player" aria-label={player.title}>
      <SeekBar />
      <div class="player-inside">
        <div class="player-track">
          <a class="player-cover" href={`/album/${track.albumId}`} aria-label={track.album} tabIndex={-1}>
            <Cover of={{ thing: "album", id: track.albumId, name: track.album, artwork: track.artwork, version: track.version }} pixels={52} isEager />
          </a>
          <div class="player-words">
            <a class="player-title" href={`/album/${track.albumId}`} dir="auto">
              {track.title}
            </a>
            <span class="player-artist" dir="auto">
              {track.artist}
              {isPreview.value && <span class="badge">{player.preview}</span>}
            </span>
          </div>
          <Heart thing="track" id={track.id} name={track.title} class="wide-only" />
        </div>
        <div class="player-buttons">
          <button type="button" class="icon-button" aria-label={player.previous} onClick={back}>
            <Icon name="previous" />
          </button>
          <button
            type="button"
            class={`play-button ${isWaiting.value ? "is-waiting" : ""}`}
            aria-label={isPlaying.value ? player.pause : player.play}
            onClick={toggle}
          >
            <Icon name={isPlaying.value ? "pause" : "play-full"} size={22} />
          </button>
          <button type="button" class="icon-button" aria-label={player.next} disabled={!hasNext.value} onClick={() => next()}>
            <Icon name="next" />
          </button>
        </div>
        <div class="player-more">
          <span class="player-clock">
            {clock(seconds.value)} <span aria-hidden="true">/</span> {clock(length.value)}
          </span>
          <label class="player-volume wide-only">
            <Icon name="volume" size={18} />
            <input
              type="range"
              min="0"
              max="1"
              step="0.05"
              aria-label={player.volume}
              value={volume.value}
              onInput={(event) => {
                volume.value = Number(event.currentTarget.value);
              }}
            />
          </label>
          <button type="button" class="icon-button" aria-label={player.showQueue(queue.value.length)} aria-haspopup="dialog" onClick={() => setListed(true)}>
            <Icon name="queue" size={20} />
          </button>
          <button type="button" class="icon-button wide-only" aria-label={player.stop} onClick={stop}>
            <Icon name="close" size={18} />
          </button>
        </div>
      </div>
      {isListed && <QueueList close={() => setListed(false)} />}
    </section>
  );
}

function SeekBar() {
  const { player } = words.value;
  const whole = length.value || 1;
  return (
    <input
      type="range"
      class="seek"
      min="0"
      max={Math.ceil(whole)}
      step="1"
      value={Math.min(seconds.value, whole)}
      aria-label={player.position}
      aria-valuetext={`${clock(seconds.value)} / ${clock(length.value)}`}
      style={{ "--done": `${(100 * Math.min(seconds.value, whole)) / whole}%` }}
      onInput={(event) => seek(Number(event.currentTarget.value))}
    />
  );
}
