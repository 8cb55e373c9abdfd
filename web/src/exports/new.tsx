// A new export: where to, and what goes along.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { Format, User } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { isAdmin, me } from "../app/session";
import { say } from "../app/toasts";
import { Dialog } from "../parts/dialog";
import { FolderField } from "../parts/folders";
import { Choices, FormProblem, problemOfField, SelectField, Switch, TextField, useSend } from "../parts/form";
import { words } from "../words";

type To = "zip" | "usual" | "folder";

export function NewExport({ close }: { close: () => void }) {
  const { exports: said, cancel } = words.value;
  const [to, setTo] = useState<To>("zip");
  const [folder, setFolder] = useState("");
  const [format, setFormat] = useState<Format>("flac");
  const [artwork, setArtwork] = useState(true);
  const [lyrics, setLyrics] = useState(true);
  const [playlist, setPlaylist] = useState(false);
  const [prune, setPrune] = useState(false);
  const [whose, setWhose] = useState("");
  const { isBusy, problem, send } = useSend();
  const users = useResource<User[]>("users", (signal) => (isAdmin.value ? api("GET /api/admin/users", { signal }) : Promise.resolve([])), ["users"]).data.value ?? [];
  const submit = async () => {
    const destination = to === "zip" ? "zip" : to === "folder" ? folder.trim() : "";
    const body = {
      destination,
      format,
      include_artwork: artwork,
      include_lyrics: lyrics,
      include_playlist: playlist,
      prune: to !== "zip" && prune,
      user_id: whose ? Number(whose) : null,
    };
    const isTaken = await send(async () => {
      const made = await api("POST /api/exports", { body });
      spoil("exports");
      if (made.download_url && to === "zip") say(said.zipReady, { kind: "good" });
    });
    if (isTaken) close();
  };
  const actions = (
    <>
      <button type="button" class="button" onClick={close}>
        {cancel}
      </button>
      <button type="submit" form="new-export" class="button primary" disabled={isBusy}>
        {said.begin}
      </button>
    </>
  );
  return (
    <Dialog title={said.new} onClose={close} actions={actions}>
      <form
        id="new-export"
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Choices
          label={said.to}
          value={to}
          set={setTo}
          options={[
            ["zip", said.zip, said.zipHint],
            ["usual", said.usual, said.usualHint],
            ["folder", said.folder, said.folderHint],
          ]}
        />
        {to === "folder" &&
          (isAdmin.value ? (
            <FolderField label={said.path} value={folder} set={setFolder} problem={problemOfField(problem, "destination")} />
          ) : (
            <TextField label={said.path} value={folder} set={setFolder} problem={problemOfField(problem, "destination")} input={{ required: true }} />
          ))}
        <SelectField
          label={said.format}
          value={format}
          set={setFormat}
          options={[
            ["flac", said.formats.flac],
            ["mp3", said.formats.mp3],
            ["both", said.formats.both],
          ]}
        />
        <Switch label={said.artwork} isOn={artwork} set={setArtwork} />
        <Switch label={said.lyrics} isOn={lyrics} set={setLyrics} />
        <Switch label={said.playlist} hint={said.playlistHint} isOn={playlist} set={setPlaylist} />
        {to !== "zip" && <Switch label={said.prune} hint={said.pruneHint} isOn={prune} set={setPrune} />}
        {users.length > 1 && (
          <SelectField
            label={said.whose}
            value={whose}
            set={setWhose}
            options={[["", said.mine] as const, ...users.filter((user) => user.id !== me.value?.id).map((user) => [String(user.id), user.username] as const)]}
          />
        )}
        <FormProblem problem={problem} fields={["destination"]} />
      </form>
    </Dialog>
  );
}
