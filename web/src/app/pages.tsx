// Every page: its address, its place in the menus, and what draws it. A new page is a line here and a folder beside.

import type { ComponentType } from "preact";
import { AlbumPage } from "../album/page";
import { ArtistPage } from "../artist/page";
import { LibraryPage } from "../library/page";
import { MinePage } from "../mine/page";
import type { IconName } from "../parts/icon";
import { forAdmins, lazy } from "../parts/lazy";
import { SearchPage } from "../search/page";
import type { Words } from "../words/en";
import { waitingDownloads, waitingReviews } from "./waiting";

/** A page that stands in the menus. `/health` and `/docs` are the API's own addresses. */
export interface PageEntry {
  path: string;
  word: Exclude<keyof Words["shell"], "skip">;
  icon: IconName;
  group: "music" | "house";
  isOnTabBar?: boolean;
  isAdminOnly?: boolean;
  /** Other first words of addresses that belong to it. */
  also?: string[];
  /** How much waits there; reads signals. */
  count?: () => number;
}

export const PAGES: PageEntry[] = [
  { path: "library", word: "library", icon: "album", group: "music", isOnTabBar: true, also: ["", "album", "artist"] },
  { path: "mine", word: "mine", icon: "heart", group: "music", isOnTabBar: true },
  { path: "search", word: "search", icon: "search", group: "music", isOnTabBar: true },
  { path: "downloads", word: "downloads", icon: "download", group: "music", isOnTabBar: true, count: () => waitingDownloads.value },
  { path: "inbox", word: "inbox", icon: "inbox", group: "house", count: () => waitingReviews.value },
  { path: "activity", word: "activity", icon: "activity", group: "house" },
  { path: "exports", word: "exports", icon: "export", group: "house" },
  { path: "trash", word: "trash", icon: "trash", group: "house", isAdminOnly: true },
  { path: "jobs", word: "jobs", icon: "jobs", group: "house", isAdminOnly: true },
  { path: "status", word: "health", icon: "health", group: "house", isAdminOnly: true },
  { path: "settings", word: "settings", icon: "settings", group: "house", isAdminOnly: true },
];

const house = () => import("./house");

/** What draws the page at an address, by its first word. */
export const DRAWN: Record<string, ComponentType> = {
  "": LibraryPage,
  library: LibraryPage,
  mine: MinePage,
  album: AlbumPage,
  artist: ArtistPage,
  search: SearchPage,
  downloads: lazy(async () => (await house()).DownloadsPage),
  inbox: lazy(async () => (await house()).InboxPage),
  activity: lazy(async () => (await house()).ActivityPage),
  exports: lazy(async () => (await house()).ExportsPage),
  trash: forAdmins(lazy(async () => (await house()).TrashPage)),
  jobs: forAdmins(lazy(async () => (await house()).JobsPage)),
  status: forAdmins(lazy(async () => (await house()).StatusPage)),
  settings: forAdmins(lazy(async () => (await house()).SettingsPage)),
  account: lazy(async () => (await house()).AccountPage),
};
