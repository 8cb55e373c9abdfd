-- The rooms nearest to the data: artists, albums, tracks, hearts.

-- One row: which library this database belongs to. A marker file in MUSIC_PATH carries the same id.
create table library (
    id            uuid not null,
    artist_count  bigint not null default 0,
    album_count   bigint not null default 0,
    track_count   bigint not null default 0,
    created_at    timestamptz not null default now(),
    is_only_row   boolean not null default true,
    constraint library_pk primary key (id),
    constraint library_is_one unique (is_only_row),
    constraint library_counts_not_negative check (artist_count >= 0 and album_count >= 0 and track_count >= 0 and is_only_row)
);
insert into library (id) values (gen_random_uuid());

create table artist (
    id             bigint generated always as identity,
    name           text not null,
    -- Folded for identity (library::naming): NFKC, case, spacing; never empty.
    name_key       text not null,
    sort_name      text not null,
    -- Folded for order and letters: without a leading article, accents dropped, `#` before all that is not A-Z.
    sort_key       text collate "C" not null,
    musicbrainz_id uuid,
    artwork_path   text,
    -- Words and prefixes to search by (library::search).
    search         tsvector not null default '',
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    constraint artist_pk primary key (id),
    constraint artist_identity unique nulls not distinct (name_key, musicbrainz_id),
    constraint artist_name_not_empty check (name <> '' and name_key <> '' and sort_key <> '')
);
create index artist_by_sort on artist (sort_key, id);
create index artist_by_musicbrainz on artist (musicbrainz_id) where musicbrainz_id is not null;
create index artist_search on artist using gin (search);
-- For a slip of the finger, when nothing else was found.
create index artist_alike on artist using gin (sort_key gin_trgm_ops);

create table album (
    id               bigint generated always as identity,
    artist_id        bigint not null,
    title            text not null,
    title_key        text not null,
    sort_key         text collate "C" not null,
    year             integer,
    -- The album's folder, relative to MUSIC_PATH: `artists/Artist/Album (Year)`. UTF-8, no `..`.
    path             text not null,
    -- The cover, relative to MUSIC_PATH.
    artwork_path     text,
    total_tracks     integer not null default 0,
    available_tracks integer not null default 0,
    disc_count       integer not null default 1,
    genre            text,
    label            text,
    catalog_number   text,
    barcode          text,
    musicbrainz_id   uuid,
    release_type     text,
    is_compilation   boolean not null default false,
    source           text not null default 'import',
    source_url       text,
    search           tsvector not null default '',
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    constraint album_pk primary key (id),
    constraint album_artist_fk foreign key (artist_id) references artist (id) on delete cascade,
    constraint album_identity unique nulls not distinct (artist_id, title_key, year, musicbrainz_id),
    constraint album_path_unique unique (path),
    constraint album_title_not_empty check (title <> '' and title_key <> '' and sort_key <> ''),
    constraint album_path_is_beneath_artists check (path like 'artists/_%' and path !~ '(^|/)\.\.?(/|$)'),
    constraint album_source_known check (source in ('qobuz', 'lidarr', 'bandcamp', 'youtube', 'soundcloud', 'url', 'import')),
    constraint album_counts_not_negative check (total_tracks >= 0 and available_tracks >= 0 and disc_count >= 1)
);
create index album_by_sort on album (sort_key, id);
create index album_by_artist on album (artist_id, year desc nulls last, sort_key, id);
create index album_by_age on album (created_at desc, id desc);
create index album_by_musicbrainz on album (musicbrainz_id) where musicbrainz_id is not null;
create index album_by_barcode on album (barcode) where barcode is not null;
create index album_search on album using gin (search);
create index album_alike on album using gin (sort_key gin_trgm_ops);

create table track (
    id               bigint generated always as identity,
    album_id         bigint not null,
    title            text not null,
    title_key        text not null,
    -- As in album; only for search.
    sort_key         text collate "C" not null default '',
    -- The track's own artist where it differs from the album's.
    artist_name      text,
    disc_number      integer not null default 1,
    track_number     integer not null,
    duration_ms      bigint,
    -- The file, relative to MUSIC_PATH.
    path             text not null,
    size_bytes       bigint not null,
    modified_at      timestamptz not null,
    format           text not null,
    sample_rate_hz   integer,
    bit_depth        integer,
    bitrate_kbps     integer,
    channels         integer,
    is_lossy         boolean not null,
    source           text not null default 'import',
    source_url       text,
    -- BLAKE3 of the whole file; null until it was read whole (an adopted library).
    checksum         bytea,
    -- The audio alone: `flac-md5:…` or `blake3:…` (audio::Essence); null until known.
    essence          text,
    isrc             text,
    composer         text,
    genre            text,
    musicbrainz_id   uuid,
    search           tsvector not null default '',
    imported_at      timestamptz not null default now(),
    imported_by      bigint,
    updated_at       timestamptz not null default now(),
    constraint track_pk primary key (id),
    constraint track_album_fk foreign key (album_id) references album (id) on delete cascade,
    constraint track_imported_by_fk foreign key (imported_by) references app_user (id) on delete set null,
    constraint track_path_unique unique (path),
    constraint track_title_not_empty check (title <> '' and title_key <> ''),
    constraint track_path_is_beneath_artists check (path like 'artists/_%' and path !~ '(^|/)\.\.?(/|$)'),
    constraint track_position_positive check (disc_number >= 1 and track_number >= 0),
    constraint track_checksum_is_blake3 check (checksum is null or octet_length(checksum) = 32)
);
create index track_by_album on track (album_id, disc_number, track_number, id);
create index track_by_essence on track (essence) where essence is not null;
create index track_unread on track (id) where checksum is null;
create index track_by_sort on track (sort_key, id);
create index track_search on track using gin (search);

-- Totals that cost nothing to read: each statement adds what it changed.
create function library_counted() returns trigger language plpgsql as $$
declare
    change bigint;
begin
    if tg_op = 'INSERT' then select count(*) into change from new_row; else select -count(*) into change from old_row; end if;
    if change <> 0 then
        execute format('update library set %I = %I + $1', tg_argv[0], tg_argv[0]) using change;
    end if;
    return null;
end $$;
create trigger artist_counted_in after insert on artist referencing new table as new_row for each statement execute function library_counted('artist_count');
create trigger artist_counted_out after delete on artist referencing old table as old_row for each statement execute function library_counted('artist_count');
create trigger album_counted_in after insert on album referencing new table as new_row for each statement execute function library_counted('album_count');
create trigger album_counted_out after delete on album referencing old table as old_row for each statement execute function library_counted('album_count');
create trigger track_counted_in after insert on track referencing new table as new_row for each statement execute function library_counted('track_count');
create trigger track_counted_out after delete on track referencing old table as old_row for each statement execute function library_counted('track_count');

-- available_tracks is the number of track rows, whoever adds, removes or moves them.
create function album_tracks_counted() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        update album a set available_tracks = available_tracks + n from (select album_id, count(*) n from new_row group by 1) c where a.id = c.album_id;
    else
        update album a set available_tracks = available_tracks - n from (select album_id, count(*) n from old_row group by 1) c where a.id = c.album_id;
    end if;
    return null;
end $$;
create trigger track_counted_into_album after insert on track referencing new table as new_row for each statement execute function album_tracks_counted();
create trigger track_counted_out_of_album after delete on track referencing old table as old_row for each statement execute function album_tracks_counted();

create function album_track_moved() returns trigger language plpgsql as $$
begin
    update album a set available_tracks = available_tracks + n
        from (select album_id, sum(sign) n
              from (select n.album_id, 1 as sign from new_row n join old_row o using (id) where n.album_id <> o.album_id
                    union all
                    select o.album_id, -1 from new_row n join old_row o using (id) where n.album_id <> o.album_id) moved
              group by 1) c
        where a.id = c.album_id;
    return null;
end $$;
create trigger track_moved_between_albums after update on track referencing new table as new_row old table as old_row for each statement execute function album_track_moved();

create table heart (
    id         bigint generated always as identity,
    user_id    bigint not null,
    -- The user follows the artist: albums that come later are hearted too.
    artist_id  bigint,
    album_id   bigint,
    track_id   bigint,
    -- The album whose folder this heart fills (its own, or its track's); kept here because a cascade has already
    -- removed the track when the heart's trigger asks. Set by heart_placed(); null for an artist.
    folder_of_album_id bigint,
    created_at timestamptz not null default now(),
    constraint heart_pk primary key (id),
    constraint heart_user_fk foreign key (user_id) references app_user (id) on delete cascade,
    constraint heart_artist_fk foreign key (artist_id) references artist (id) on delete cascade,
    constraint heart_album_fk foreign key (album_id) references album (id) on delete cascade,
    constraint heart_track_fk foreign key (track_id) references track (id) on delete cascade,
    constraint heart_is_for_one_thing check (num_nonnulls(artist_id, album_id, track_id) = 1)
);
create unique index heart_artist on heart (user_id, artist_id) where artist_id is not null;
create unique index heart_album on heart (user_id, album_id) where album_id is not null;
create unique index heart_track on heart (user_id, track_id) where track_id is not null;
create index heart_of_artist on heart (artist_id) where artist_id is not null;
create index heart_of_album on heart (album_id) where album_id is not null;
create index heart_of_track on heart (track_id) where track_id is not null;
create index heart_of_folder on heart (folder_of_album_id, user_id) where folder_of_album_id is not null;
create index heart_newest on heart (user_id, id desc);

create function heart_placed() returns trigger language plpgsql as $$
begin
    new.folder_of_album_id := coalesce(new.album_id, (select album_id from track where id = new.track_id));
    return new;
end $$;
create trigger heart_placed before insert on heart for each row execute function heart_placed();

-- The links that we made beneath `users/`: what is not here was put there by a person and is left alone.
create table user_link (
    user_id  bigint not null,
    -- Relative to the user's folder.
    path     text not null,
    -- No foreign key: the row must outlive the album until the link is gone from the disk.
    album_id bigint not null,
    -- The name of the user's folder, which must outlive the user.
    username text not null,
    -- Of the file that the link was made to: another one under this name was put there by a person.
    inode    bigint not null,
    constraint user_link_pk primary key (user_id, path),
    constraint user_link_path_stays_inside check (path <> '' and path !~ '(^|/)\.\.?(/|$)' and path !~ '^/')
);
create index user_link_by_album on user_link (album_id, user_id);

-- Albums whose folder in a user's library may differ from the hearts: written with each change, emptied by the job
-- `hearts.reconcile_links`, but only of the version that it has seen.
create sequence link_pending_version;
create table link_pending (
    user_id  bigint not null,
    album_id bigint not null,
    version  bigint not null default nextval('link_pending_version'),
    constraint link_pending_pk primary key (user_id, album_id)
);

-- One job a user. The update locks a job that waits already until this transaction commits: a worker cannot take it
-- and find nothing yet.
create function links_are_pending() returns trigger language plpgsql as $$
begin
    insert into job (queue, kind, unique_key, payload, priority)
        select 'imports', 'hearts.reconcile_links', 'user:' || user_id, jsonb_build_object('user_id', user_id), -10
        from (select distinct user_id from new_row order by user_id) u
        on conflict (kind, unique_key) where state = 'available' do update set run_at = least(job.run_at, now());
    perform pg_notify('barbossa_job', 'imports');
    return null;
end $$;
create trigger link_pending_added after insert on link_pending referencing new table as new_row for each statement execute function links_are_pending();
create trigger link_pending_renewed after update on link_pending referencing new table as new_row for each statement execute function links_are_pending();

-- Whoever changes the rows, the links follow: hearts come and go, with their album, track or user too.
create function heart_changed() returns trigger language plpgsql as $$
begin
    insert into link_pending (user_id, album_id)
        select distinct user_id, folder_of_album_id from changed_row where folder_of_album_id is not null order by 1, 2
        on conflict (user_id, album_id) do update set version = excluded.version;
    return null;
end $$;
create trigger heart_added after insert on heart referencing new table as changed_row for each statement execute function heart_changed();
create trigger heart_removed after delete on heart referencing old table as changed_row for each statement execute function heart_changed();

-- Tracks of an album that someone has hearted come, go, move or get another file.
create function linked_track_came_or_went() returns trigger language plpgsql as $$
begin
    insert into link_pending (user_id, album_id)
        select distinct h.user_id, h.folder_of_album_id
        from (select distinct album_id from changed_row) c join heart h on h.folder_of_album_id = c.album_id order by 1, 2
        on conflict (user_id, album_id) do update set version = excluded.version;
    return null;
end $$;
create trigger linked_track_added after insert on track referencing new table as changed_row for each statement execute function linked_track_came_or_went();
create trigger linked_track_removed after delete on track referencing old table as changed_row for each statement execute function linked_track_came_or_went();

create function linked_track_changed() returns trigger language plpgsql as $$
begin
    -- A heart on a track goes with it to another album.
    with moved as (
        select n.id, n.album_id, o.album_id as left_album_id from new_row n join old_row o using (id) where n.album_id <> o.album_id
    ), left_behind as (
        insert into link_pending (user_id, album_id)
            select distinct h.user_id, m.left_album_id from moved m join heart h on h.folder_of_album_id = m.left_album_id order by 1, 2
            on conflict (user_id, album_id) do update set version = excluded.version
    )
    update heart h set folder_of_album_id = m.album_id from moved m where h.track_id = m.id;
    insert into link_pending (user_id, album_id)
        select distinct h.user_id, h.folder_of_album_id
        from (select distinct n.album_id from new_row n join old_row o using (id)
              where (n.album_id, n.path, n.size_bytes, n.modified_at) is distinct from (o.album_id, o.path, o.size_bytes, o.modified_at)) c
            join heart h on h.folder_of_album_id = c.album_id order by 1, 2
        on conflict (user_id, album_id) do update set version = excluded.version;
    return null;
end $$;
create trigger linked_track_changed after update on track referencing new table as new_row old table as old_row for each statement execute function linked_track_changed();

create function linked_album_changed() returns trigger language plpgsql as $$
begin
    insert into link_pending (user_id, album_id)
        select distinct h.user_id, h.folder_of_album_id
        from new_row n join old_row o using (id) join heart h on h.folder_of_album_id = n.id
        where (n.path, n.artwork_path) is distinct from (o.path, o.artwork_path) order by 1, 2
        on conflict (user_id, album_id) do update set version = excluded.version;
    return null;
end $$;
create trigger linked_album_changed after update on album referencing new table as new_row old table as old_row for each statement execute function linked_album_changed();

create table import (
    id             bigint generated always as identity,
    -- Where the files lay when it was asked for, relative to MUSIC_PATH.
    source_path    text not null,
    source         text not null default 'import',
    state          text not null default 'waiting',
    requested_by   bigint,
    job_id         bigint,
    -- Where the files are now, relative to MUSIC_PATH (a review or a rejection moves them).
    path           text,
    -- The steps, in order, with from, to, size, checksum of each file (imports::Plan).
    plan           jsonb,
    -- What was read and how it was understood, field by field (imports::Evidence).
    evidence       jsonb,
    confidence     real,
    suggested_artist text,
    suggested_album  text,
    suggested_year   integer,
    track_count    integer,
    quality        jsonb,
    album_id       bigint,
    -- A sentence for a person: why it waits, was rejected, or failed.
    reason         text,
    notes          text,
    -- The watcher knows that somebody is writing in the folder; not to be touched before.
    held_until     timestamptz,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    finished_at    timestamptz,
    constraint import_pk primary key (id),
    constraint import_album_fk foreign key (album_id) references album (id) on delete set null,
    constraint import_requested_by_fk foreign key (requested_by) references app_user (id) on delete set null,
    constraint import_state_known check (state in ('waiting', 'planned', 'published', 'recorded', 'done', 'review', 'rejected', 'duplicate', 'failed')),
    constraint import_confidence_is_a_share check (confidence between 0 and 1),
    constraint import_review_has_a_reason check (state not in ('review', 'rejected', 'failed') or reason is not null),
    constraint import_plan_before_disk check (state not in ('planned', 'published', 'recorded') or plan is not null)
);
-- A folder is on its way in once at a time.
create unique index import_in_progress on import (source_path) where state in ('waiting', 'planned', 'published', 'recorded');
create index import_by_state on import (state, id desc);

create table backup (
    id          bigint generated always as identity,
    destination text not null,
    state       text not null default 'running',
    path        text,
    size_bytes  bigint,
    sha256      bytea,
    error       text,
    started_at  timestamptz not null default now(),
    finished_at timestamptz,
    constraint backup_pk primary key (id),
    constraint backup_state_known check (state in ('running', 'verified', 'failed')),
    constraint backup_verified_has_proof check (state <> 'verified' or (path is not null and size_bytes > 0 and octet_length(sha256) = 32 and finished_at is not null))
);
create index backup_newest on backup (started_at desc);

-- Each process says that it is alive and working; /health reads it.
create table heartbeat (
    role       text not null,
    host       text not null,
    pid        integer not null,
    status     text not null,
    version    text not null,
    started_at timestamptz not null,
    seen_at    timestamptz not null,
    constraint heartbeat_pk primary key (role, host, pid)
);
