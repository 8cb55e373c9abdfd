// The decision: as suggested, as the runner-up, or as somebody writes it; with a cover; or not at all.

import { useState } from "preact/hooks";
import type { Approval, WhenThere } from "../api/schema";
import { go } from "../app/router";
import { Choices, FormProblem, problemOfField, TextField, useSend } from "../parts/form";
import { Icon } from "../parts/icon";
import { words } from "../words";
import { type Case, titleOf } from "./case";
import { approve, putBack, takeBack } from "./decisions";
import type { Whole } from "./one";
import { PictureField } from "./picture";
import { RejectDialog } from "./reject";

const FIELDS = ["artist", "album", "year", "when_there"];

export function Decide({ whole }: { whole: Whole }) {
  const { one } = whole;
  if (one.status === "pending" || one.status === "failed") return <Open whole={whole} />;
  return <Decided one={one} />;
}

function Open({ whole: { one, twin, pictureSentAt } }: { whole: Whole }) {
  const { inbox: said, evidence } = words.value;
  const [artist, setArtist] = useState(one.artist);
  const [album, setAlbum] = useState(one.album);
  const [year, setYear] = useState(one.year ? String(one.year) : "");
  const [whenThere, setWhenThere] = useState<WhenThere>("ask");
  const [isRunnerUp, setRunnerUp] = useState(false);
  const [isRejecting, setRejecting] = useState(false);
  const { isBusy, problem, send } = useSend();
  const edit = (set: (value: string) => void) => (value: string) => {
    setRunnerUp(false);
    set(value);
  };
  const takeRunnerUp = () => {
    const rival = one.runnerUp;
    if (!rival) return;
    setArtist(rival.artist);
    setAlbum(rival.title);
    setYear(String(rival.year ?? one.year ?? ""));
    setRunnerUp(true);
  };
  const body: Approval = isRunnerUp
    ? { use_runner_up: true, when_there: whenThere }
    : { artist: artist.trim(), album: album.trim(), year: year ? Number(year) : null, when_there: whenThere };
  const submit = async (event: Event) => {
    event.preventDefault();
    const title = [artist, album].join(" – ");
    const isTaken = await send(() => approve(one.id, title, body));
    if (isTaken) go("/inbox");
  };
  const there: [WhenThere, string, string][] = [
    ["ask", said.whenThere.ask, said.whenThere.askHint],
    ["replace", said.whenThere.replace, said.whenThere.replaceHint],
    ["extend", said.whenThere.extend, said.whenThere.extendHint],
    ["beside", said.whenThere.beside, said.whenThere.besideHint],
  ];
  return (
    <form class="card decide" onSubmit={(event) => void submit(event)}>
      <h2>{said.decide}</h2>
      <TextField label={evidence.fields.artist ?? ""} value={artist} set={edit(setArtist)} problem={problemOfField(problem, "artist")} input={{ required: true, dir: "auto" }} />
      <TextField label={evidence.fields.album ?? ""} value={album} set={edit(setAlbum)} problem={problemOfField(problem, "album")} input={{ required: true, dir: "auto" }} />
      <TextField label={evidence.fields.year ?? ""} type="number" value={year} set={edit(setYear)} problem={problemOfField(problem, "year")} input={{ min: 1, max: 9999 }} />
      {one.runnerUp && (
        <button type="button" class="button" aria-pressed={isRunnerUp} onClick={takeRunnerUp}>
          {said.takeRunnerUp}
        </button>
      )}
      {(twin || problem?.status === 409) && <Choices label={said.whenThere.title} value={whenThere} set={setWhenThere} options={there} />}
      <PictureField id={one.id} sentAt={pictureSentAt} />
      <FormProblem problem={problem} fields={FIELDS} />
      <div class="form-foot">
        <button class="button primary" disabled={isBusy}>
          <Icon name="check" size={18} /> {said.approve}
        </button>
        <button type="button" class="button" disabled={isBusy} onClick={() => setRejecting(true)}>
          {said.reject}
        </button>
      </div>
      {isRejecting && <RejectDialog id={one.id} title={titleOf(one)} close={() => setRejecting(false)} done={() => go("/inbox")} />}
    </form>
  );
}

function Decided({ one }: { one: Case }) {
  const { inbox: said } = words.value;
  const title = titleOf(one);
  const { isBusy, problem, send } = useSend();
  return (
    <div class="card decide">
      <h2>{said.statuses[one.status] ?? one.status}</h2>
      {one.notes && <p class="muted">{one.notes}</p>}
      {one.albumId && (
        <a class="button primary" href={`/album/${one.albumId}`}>
          {said.toAlbum}
        </a>
      )}
      {one.status === "rejected" && (
        <button type="button" class="button" disabled={isBusy} onClick={() => void send(() => putBack(one.id, title))}>
          {said.putBack}
        </button>
      )}
      {(one.status === "approved" || one.status === "rejected") && (
        <button type="button" class="button" disabled={isBusy} onClick={() => void send(() => takeBack(one.id, title))}>
          {said.takeBack}
        </button>
      )}
      <FormProblem problem={problem} />
    </div>
  );
}
