// The library: all albums or all artists, covers first.

import type { ComponentChildren } from "preact";
import type { Album, Artist } from "../api/schema";
import { put, query } from "../app/router";
import { Empty, Failed } from "../parts/empty";
import { PageHead } from "../parts/head";
import { Rail } from "../parts/rail";
import { AlbumTile, ArtistTile } from "../parts/tile";
import { useGridHandle, VirtualGrid } from "../parts/virtual";
import { AddMenu } from "../uploads/add";
import { words } from "../words";
import { askedOf, hasFilters, isByName, NO_FILTERS, type Sort } from "./asked";
import { ChosenBar } from "./chosen";
import { FilterBar, SortMenu } from "./filters";
import { Guide } from "./guide";
import { useAlbumLetters, useAlbums, useArtistLetters, useArtists, type Whose } from "./lists";
import { Tabs } from "./tabs";

export function LibraryPage() {
  const Shown = isArtists() ? Artists : Albums;
  return <Shown whose="all" title={words.value.library.title} base="/library" usual="title" none={<Guide />} />;
}

export function isArtists(): boolean {
  return query.value.get("show") === "artists";
}

interface Props {
  whose: Whose;
  title: string;
  base: string;
  usual: Sort;
  /** What stands there when nothing at all is. */
  none: ComponentChildren;
}

export function Albums({ whose, title, base, usual, none }: Props) {
  const { library, counts } = words.value;
  const asked = askedOf(query.value, usual);
  const list = useAlbums(asked, whose);
  const letters = useAlbumLetters(asked, whose).data.value;
  const handle = useGridHandle();
  const total = list.total.value;
  const isEmpty = total === 0 && !hasFilters(asked);
  return (
    <>
      <PageHead title={title} aside={total === undefined ? "" : counts.albums(total)}>
        <Tabs base={base} chosen="albums" />
        <SortMenu asked={asked} usual={usual} />
        {whose === "all" && <AddMenu />}
      </PageHead>
      {!isEmpty && <FilterBar asked={asked} />}
      {list.error.value && total === undefined && <Failed problem={list.error.value} again={() => list.spoil()} />}
      {isEmpty && none}
      {total === 0 && !isEmpty && <NoMatch />}
      <VirtualGrid<Album>
        list={list}
        handle={handle}
        label={library.albums}
        least={172}
        below={52}
        cell={(album, index, pixels) => <AlbumTile album={album} index={index} pixels={pixels} at={list.at} />}
      />
      <ChosenBar />
      {isByName(asked) && letters && letters.length > 1 && <Rail letters={letters} handle={handle} />}
    </>
  );
}

export function Artists({ whose, title, base, none }: Props) {
  const { library, counts } = words.value;
  const list = useArtists(whose);
  const letters = useArtistLetters().data.value;
  const handle = useGridHandle();
  const total = list.total.value;
  return (
    <>
      <PageHead title={title} aside={total === undefined ? "" : counts.artists(total)}>
        <Tabs base={base} chosen="artists" />
      </PageHead>
      {list.error.value && total === undefined && <Failed problem={list.error.value} again={() => list.spoil()} />}
      {total === 0 && none}
      <VirtualGrid<Artist>
        list={list}
        handle={handle}
        label={library.artists}
        least={160}
        below={34}
        cell={(artist, index, pixels) => <ArtistTile artist={artist} index={index} pixels={pixels} />}
      />
      {whose === "all" && letters && letters.length > 1 && <Rail letters={letters} handle={handle} />}
    </>
  );
}

function NoMatch() {
  const { library } = words.value;
  return (
    <Empty icon="filter" title={library.noMatch} hint={library.noMatchHint}>
      <button type="button" class="button" onClick={() => put(NO_FILTERS)}>
        {library.clearFilters}
      </button>
    </Empty>
  );
}
