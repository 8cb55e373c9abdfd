// The ways for music to come in, for whom dragging is nothing: a phone, a keyboard.

import { go } from "../app/router";
import { Icon } from "../parts/icon";
import { Menu } from "../parts/menu";
import { words } from "../words";
import { readChosen } from "./read";
import { upload } from "./upload";

const KINDS = ".flac,.mp3,.m4a,.ogg,.opus,.wav,.aiff,.zip,.jpg,.png,audio/*";

/** Opens the browser's own choice. */
export function chooseFiles(isFolder: boolean): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  if (isFolder) input.webkitdirectory = true;
  else input.accept = KINDS;
  input.onchange = () => {
    if (input.files?.length) void upload(readChosen(input.files));
  };
  input.click();
}

export function AddMenu() {
  const { guide, uploads } = words.value;
  const items = [
    { label: guide.choose, icon: "upload" as const, run: () => chooseFiles(false) },
    { label: guide.folder, icon: "album" as const, run: () => chooseFiles(true) },
    { label: guide.link, icon: "link" as const, run: () => go("/downloads") },
  ];
  return (
    <Menu label={uploads.add} items={items} class="button quiet">
      <Icon name="plus" size={18} />
      <span class="wide-only">{uploads.add}</span>
    </Menu>
  );
}

/** The same, as buttons that stand there. */
export function ChooseFiles() {
  const { guide } = words.value;
  return (
    <div class="choose">
      <button type="button" class="button" onClick={() => chooseFiles(false)}>
        {guide.choose}
      </button>
      <button type="button" class="button wide-only" onClick={() => chooseFiles(true)}>
        {guide.folder}
      </button>
    </div>
  );
}
