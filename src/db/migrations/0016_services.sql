-- Other programs of the house and of the world: who is told of folders that changed, words of songs, what Lidarr brought,
-- and messages to people.

alter table lookup drop constraint lookup_service_known,
    add constraint lookup_service_known check (service in ('musicbrainz', 'acoustid', 'lrclib', 'coverartarchive'));
alter table lookup_pace drop constraint lookup_pace_service_known,
    add constraint lookup_pace_service_known check (service in ('musicbrainz', 'acoustid', 'lrclib', 'coverartarchive'));
insert into lookup_pace (service) values ('lrclib'), ('coverartarchive');

-- Folders in which tracks came, went or became others, until all players were told (players::TellPlayers).
create sequence player_folder_version;
create table player_folder (
    -- Relative to MUSIC_PATH.
    path       text not null,
    -- Of this change: a later one is told again.
    version    bigint not null default nextval('player_folder_version'),
    -- Who could not be told yet; null: nobody has been.
    waiting    text[],
    changed_at timestamptz not null default now(),
    constraint player_folder_pk primary key (path)
);

-- A job that waits for everyone's sake: whoever finds another transaction at it leaves it alone, rather than wait for that
-- transaction's end, or it for ours. What falls between two is found by the timetable.
create function job_wanted(wanted_kind text, after interval) returns void language plpgsql as $$
begin
    if pg_try_advisory_xact_lock(hashtextextended(wanted_kind, 0)) then
        insert into job (queue, kind, unique_key, payload, priority, run_at)
            values ('network', wanted_kind, 'all', '{}', 5, now() + after)
            on conflict (kind, unique_key) where state = 'available'
                do update set run_at = least(job.run_at, excluded.run_at);
        perform pg_notify('barbossa_job', 'network');
    end if;
end $$;

create function player_folders_changed(folders text[]) returns void language plpgsql as $$
begin
    if cardinality(folders) > 0 then
        insert into player_folder (path) select distinct f from unnest(folders) f order by 1
            on conflict (path) do update set version = excluded.version, waiting = null, changed_at = now();
        -- The files of one import, or of several, are told together.
        perform job_wanted('players.tell', interval '5 seconds');
    end if;
end $$;

create function track_told_to_players() returns trigger language plpgsql as $$
begin
    perform player_folders_changed(array(select distinct regexp_replace(path, '/[^/]+$', '') from changed_row));
    return null;
end $$;
create function changed_track_told_to_players() returns trigger language plpgsql as $$
begin
    perform player_folders_changed(array(
        select regexp_replace(p, '/[^/]+$', '') from new_row n join old_row o using (id), unnest(array[n.path, o.path]) p
            where (n.path, n.size_bytes, n.modified_at, n.missing_since) is distinct from (o.path, o.size_bytes, o.modified_at, o.missing_since)));
    return null;
end $$;
-- By their names they come after those that count: all transactions take the library's row first, and then this one's.
create trigger track_told_when_added after insert on track referencing new table as changed_row for each statement execute function track_told_to_players();
create trigger track_told_when_removed after delete on track referencing old table as changed_row for each statement execute function track_told_to_players();
create trigger track_told_when_changed after update on track referencing new table as new_row old table as old_row for each statement execute function changed_track_told_to_players();

-- Words of songs, as LRCLIB has them.
create table lyrics (
    track_id bigint not null,
    state    text not null,
    -- Lines with times, as in an .lrc.
    synced   text,
    plain    text,
    -- The .lrc that we wrote, relative to MUSIC_PATH.
    path     text,
    asked_at timestamptz not null default now(),
    constraint lyrics_pk primary key (track_id),
    constraint lyrics_track_fk foreign key (track_id) references track (id) on delete cascade,
    constraint lyrics_state_known check (state in ('found', 'none', 'instrumental')),
    constraint lyrics_found_has_words check ((state = 'found') = (plain is not null))
);

-- The .lrc goes along when its track gets another name.
create function lyrics_follow() returns trigger language plpgsql as $$
begin
    insert into job (queue, kind, unique_key, payload)
        select 'imports', 'enrichment.write_lyrics', n.id::text, jsonb_build_object('track_id', n.id)
        from new_row n join old_row o using (id) join lyrics l on l.track_id = n.id
        where n.path <> o.path and l.path is not null order by n.id
        on conflict (kind, unique_key) where state = 'available' do nothing;
    return null;
end $$;
create trigger track_words_follow after update on track referencing new table as new_row old table as old_row for each statement execute function lyrics_follow();

-- When the Cover Art Archive was last asked for the front of an album, or the pictures of an artist, in vain.
create table picture_asked (
    album_id  bigint,
    artist_id bigint,
    asked_at  timestamptz not null default now(),
    constraint picture_asked_album_fk foreign key (album_id) references album (id) on delete cascade,
    constraint picture_asked_artist_fk foreign key (artist_id) references artist (id) on delete cascade,
    constraint picture_asked_is_for_one check (num_nonnulls(album_id, artist_id) = 1),
    constraint picture_asked_album unique (album_id),
    constraint picture_asked_artist unique (artist_id)
);

-- An album that MusicBrainz knows from now on may have a cover there.
create function cover_may_be_known() returns trigger language plpgsql as $$
begin
    perform job_wanted('enrichment.fetch_covers', interval '5 seconds');
    return null;
end $$;
create trigger album_cover_may_be_known after update on album for each row
    when (new.artwork_path is null and new.musicbrainz_id is not null and old.musicbrainz_id is null) execute function cover_may_be_known();

-- What Lidarr has brought: found, copied to downloads/lidarr, handed over to the imports.
create table lidarr_download (
    id          bigint generated always as identity,
    -- The download client's name for it, or the folder.
    reference   text not null,
    artist      text,
    title       text not null,
    -- Where it lies on this machine.
    folder      text not null,
    state       text not null default 'found',
    -- Relative to MUSIC_PATH.
    path        text,
    -- A sentence for a person.
    error       text,
    found_at    timestamptz not null default now(),
    finished_at timestamptz,
    constraint lidarr_download_pk primary key (id),
    constraint lidarr_download_once unique (reference),
    constraint lidarr_download_state_known check (state in ('found', 'handed_over', 'failed')),
    constraint lidarr_download_failed_has_reason check (state <> 'failed' or error is not null)
);
-- The last row of Lidarr's history that was looked at.
create table lidarr_history (
    is_only_row boolean not null default true,
    last_id     bigint not null,
    constraint lidarr_history_pk primary key (is_only_row),
    constraint lidarr_history_is_one check (is_only_row)
);

-- Something that people may want to be told of.
create table message (
    id         bigint generated always as identity,
    event      text not null,
    -- What it is about: the same thing again within a while is no news.
    subject    text not null,
    -- Whom it concerns; null: the admins.
    user_id    bigint,
    payload    jsonb not null,
    created_at timestamptz not null default now(),
    constraint message_pk primary key (id),
    constraint message_event_known check (event in ('review_needed', 'download_failed', 'damage_found', 'backup_failed', 'disk_low', 'unit_failed')),
    constraint message_user_fk foreign key (user_id) references app_user (id) on delete cascade
);
create index message_by_subject on message (event, subject, created_at desc);
create index message_by_age on message (created_at);

-- How a person is told, and of what.
create table message_target (
    id           bigint generated always as identity,
    user_id      bigint not null,
    kind         text not null,
    -- Of the webhook, of the topic at ntfy, of the person.
    address      text not null,
    events       text[] not null,
    is_enabled   boolean not null default true,
    created_at   timestamptz not null default now(),
    last_sent_at timestamptz,
    last_test_at timestamptz,
    -- A sentence for a person; null after a success.
    last_error   text,
    failures     integer not null default 0,
    not_before   timestamptz not null default '-infinity',
    constraint message_target_pk primary key (id),
    constraint message_target_user_fk foreign key (user_id) references app_user (id) on delete cascade,
    constraint message_target_kind_known check (kind in ('webhook', 'ntfy', 'email')),
    constraint message_target_once unique (user_id, kind, address)
);

-- Who has still to be told of what.
create table message_waiting (
    target_id  bigint not null,
    message_id bigint not null,
    constraint message_waiting_pk primary key (target_id, message_id),
    constraint message_waiting_target_fk foreign key (target_id) references message_target (id) on delete cascade,
    constraint message_waiting_message_fk foreign key (message_id) references message (id) on delete cascade
);

-- Tells it to whom it concerns and who wants to know: an admin of what happens in the house, everyone of what is theirs.
create function message_put(new_event text, new_subject text, whom bigint, new_payload jsonb, quiet interval default '10 minutes')
    returns void language plpgsql as $$
declare
    new_id bigint;
begin
    insert into message (event, subject, user_id, payload)
        select new_event, new_subject, whom, new_payload
        where not exists (select from message where event = new_event and subject = new_subject and created_at > now() - quiet)
        returning id into new_id;
    if new_id is null then
        return;
    end if;
    insert into message_waiting (target_id, message_id)
        select t.id, new_id from message_target t join app_user u on u.id = t.user_id
        where t.is_enabled and new_event = any(t.events)
            and (u.id = whom or (u.is_admin and new_event <> 'download_failed'));
    if found then
        perform job_wanted('messages.deliver', interval '10 seconds');
    end if;
end $$;

create function import_needs_someone() returns trigger language plpgsql as $$
begin
    perform message_put('review_needed', new.id::text, new.requested_by, jsonb_build_object('import_id', new.id,
        'artist', new.suggested_artist, 'album', new.suggested_album, 'path', new.source_path, 'reason', new.reason), '1 day');
    return null;
end $$;
create trigger import_told_when_inserted after insert on import for each row when (new.state = 'review') execute function import_needs_someone();
create trigger import_told_when_set_aside after update on import for each row
    when (new.state = 'review' and old.state <> 'review') execute function import_needs_someone();

create function download_has_failed() returns trigger language plpgsql as $$
begin
    perform message_put('download_failed', new.id::text, new.user_id, jsonb_build_object('download_id', new.id,
        'artist', new.artist, 'title', new.title, 'url', new.source_url, 'query', new.search_query, 'error', new.error));
    return null;
end $$;
create trigger download_told_when_failed after update on download for each row
    when (new.state = 'failed' and old.state <> 'failed') execute function download_has_failed();

create function damage_was_found() returns trigger language plpgsql as $$
begin
    perform message_put('damage_found', new.track_id::text, null, jsonb_build_object('kind', new.kind, 'track_id', new.track_id,
        'path', new.details -> 'path'), '1 day');
    return null;
end $$;
create trigger damage_told_when_found after insert on damage for each row execute function damage_was_found();

create function backup_has_failed() returns trigger language plpgsql as $$
begin
    perform message_put('backup_failed', 'backup', null, jsonb_build_object('destination', new.destination, 'error', new.error), '1 hour');
    return null;
end $$;
create trigger backup_told_when_failed after update on backup for each row
    when (new.state = 'failed' and old.state <> 'failed') execute function backup_has_failed();

-- Less than a twentieth, and less than many albums need; or next to nothing. Once a day.
create function disk_is_low() returns trigger language plpgsql as $$
begin
    perform message_put('disk_low', 'music', null, jsonb_build_object('free_bytes', new.free_bytes, 'total_bytes', new.total_bytes), '1 day');
    return null;
end $$;
create trigger disk_told_when_low after insert or update on disk_space for each row
    when (new.free_bytes < 5368709120 or (new.free_bytes < 53687091200 and new.free_bytes < new.total_bytes / 20)) execute function disk_is_low();

-- What admins have uploaded to TorrentLeech, and by what right.
create table tracker_upload (
    id            bigint generated always as identity,
    album_id      bigint,
    release_name  text not null,
    tags          text not null,
    -- By what right this recording is shared, and in the admin's own words.
    entitlement   text not null,
    statement     text not null,
    requested_by  bigint,
    -- The .torrent and the NFO; null until they are made.
    torrent       bytea,
    nfo           text,
    -- Its number there; null until it was taken.
    torrent_id    bigint,
    -- A sentence for a person.
    error         text,
    created_at    timestamptz not null default now(),
    uploaded_at   timestamptz,
    constraint tracker_upload_pk primary key (id),
    constraint tracker_upload_album_fk foreign key (album_id) references album (id) on delete set null,
    constraint tracker_upload_by_fk foreign key (requested_by) references app_user (id) on delete set null,
    constraint tracker_upload_entitlement_known check (entitlement in ('own_recording', 'free_licence', 'permission')),
    constraint tracker_upload_has_statement check (char_length(statement) between 10 and 2000)
);
