// What events mean for what is shown: which answers are not true any more, and what a person should hear of.

import { askFailedListsAgain } from "../api/list";
import { askFailedAgain, spoil } from "../api/store";
import { go } from "../app/router";
import { say } from "../app/toasts";
import { learnHeart, type Thing } from "../hearts/hearts";
import { words } from "../words";
import { type News, onNews } from "./live";
import { tagsOf } from "./tags";

/** A heart of mine, set here or in another window. */
function onHeart(news: News): boolean {
  const isHeart = news.action === "heart" || news.action === "unheart";
  if (isHeart && typeof news.entity_id === "number") {
    learnHeart(news.entity_type as Thing, news.entity_id, news.action === "heart");
    spoil("hearts", `${String(news.entity_type)}:${news.entity_id}`);
  }
  return isHeart;
}

export function startEffects(): void {
  onNews("connected", () => {
    askFailedAgain();
    askFailedListsAgain();
  });
  onNews("library:updated", (news) => {
    if (!onHeart(news)) spoil(...tagsOf(news), "hearts", "trash", "edits");
  });
  onNews("import:complete", (news) => {
    spoil("library", "imports", "review");
    const { album_title: title, artist_name: artist } = news;
    if (typeof title === "string") {
      const action = typeof news.album_id === "number" ? { action: openAlbum(news.album_id) } : {};
      say(words.value.news.imported(title, String(artist ?? "")), { kind: "good", ...action });
    }
  });
  onNews("import:review", () => {
    spoil("review", "imports");
    say(words.value.news.review);
  });
  onNews("notification", (news) => {
    const text = [news.title, news.message].filter((part) => typeof part === "string").join(": ");
    if (text) say(text);
    spoil("hearts", "trash");
  });
  onNews("quality:upgraded", () => spoil("library"));
  onNews("activity", () => spoil("activity"));
  for (const kind of ["download:queued", "download:complete", "download:error"]) onNews(kind, () => spoil("downloads"));
  onNews("export:complete", () => spoil("exports"));
  onNews("source:changed", () => spoil("sources"));
  onNews("integrity:damage", () => spoil("integrity"));
  onNews("download:complete", () => spoil("library"));
}

function openAlbum(id: number) {
  return { label: words.value.show, run: () => go(`/album/${id}`) };
}

