// What is played and what comes next, to look at and to change.

import { Cover } from "../parts/cover";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { clock } from "../parts/time";
import { words } from "../words";
import { jump, place, queue, takeOut } from "./queue";

export function QueueList({ close }: { close: () => void }) {
  const { player } = words.value;
  return (
    <Dialog title={player.queue} onClose={close}>
      <ol class="queue">
        {queue.value.map((track, n) => (
          <li key={`${n} ${track.id}`} class={`queue-row ${n === place.value ? "is-current" : ""} ${n < place.value ? "is-over" : ""}`} aria-current={n === place.value}>
            <button type="button" class="queue-play" aria-label={words.value.library.play(track.title)} onClick={() => jump(n)}>
              <Cover of={{ thing: "album", id: track.albumId, name: track.album, artwork: track.artwork, version: track.version }} pixels={40} />
              <span class="track-words">
                <span class="track-title" dir="auto">
                  {track.title}
                </span>
                <span class="track-artist" dir="auto">
                  {track.artist}
                </span>
              </span>
              <span class="track-time">{clock(track.seconds)}</span>
            </button>
            <button type="button" class="icon-button" aria-label={player.takeOut(track.title)} onClick={() => takeOut(n)}>
              <Icon name="close" size={18} />
            </button>
          </li>
        ))}
      </ol>
    </Dialog>
  );
}
