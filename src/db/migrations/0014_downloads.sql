-- Getting music from elsewhere: the services that there are, what was asked for, and where each track came from.

-- How each outside program or service is (sources::Source). No row: nobody has looked yet.
create table source (
    name       text not null,
    state      text not null,
    -- A sentence for a person: why it is not `ok`.
    why        text,
    version    text,
    -- Since when it is in this state.
    since      timestamptz not null default now(),
    checked_at timestamptz not null default now(),
    constraint source_pk primary key (name),
    constraint source_state_known check (state in ('off', 'ok', 'down')),
    constraint source_says_why check ((state = 'ok') = (why is null))
);

-- What somebody asked for (downloads::Download).
create table download (
    id               bigint generated always as identity,
    user_id          bigint not null,
    source           text not null,
    source_url       text,
    search_query     text,
    search_type      text,
    -- What it is at its source, however its address was written: `qobuz:album:0060254788359`, or an address.
    reference        text not null,
    quality          integer not null default 4,
    confirm_lossy    boolean not null default false,
    -- The album whose gaps it is to fill.
    fills_album_id   bigint,
    state            text not null default 'pending',
    job_id           bigint,
    -- Where it is handed over to the imports, relative to MUSIC_PATH; there is nothing before it is whole.
    path             text,
    artist           text,
    title            text,
    progress         integer not null default 0,
    speed            text,
    eta              text,
    size_bytes       bigint,
    program          text,
    program_version  text,
    -- A sentence for a person, and the last lines that the program wrote.
    error            text,
    output           text,
    result_album_id  bigint,
    result_review_id bigint,
    created_at       timestamptz not null default now(),
    started_at       timestamptz,
    finished_at      timestamptz,
    constraint download_pk primary key (id),
    constraint download_user_fk foreign key (user_id) references app_user (id) on delete cascade,
    constraint download_fills_album_fk foreign key (fills_album_id) references album (id) on delete set null,
    constraint download_result_album_fk foreign key (result_album_id) references album (id) on delete set null,
    constraint download_source_known check (source in ('qobuz', 'lidarr', 'bandcamp', 'youtube', 'soundcloud', 'url')),
    constraint download_search_type_known check (search_type in ('artist', 'album', 'track', 'playlist')),
    constraint download_state_known check (state in ('pending', 'downloading', 'importing', 'complete', 'duplicate', 'failed', 'cancelled', 'pending_review')),
    constraint download_quality_known check (quality between 0 and 4),
    constraint download_progress_is_percent check (progress between 0 and 100),
    constraint download_failed_has_a_reason check (state <> 'failed' or error is not null),
    constraint download_end_has_time check ((state in ('complete', 'duplicate', 'failed', 'cancelled')) = (finished_at is not null)),
    constraint download_path_is_staging check (path like 'downloads/_%/_%' and path !~ '(^|/)\.\.?(/|$)')
);
-- The same thing is fetched once at a time, whoever asks.
create unique index download_active on download (reference) where state in ('pending', 'downloading', 'importing');
create index download_newest on download (user_id, id desc);
create index download_by_path on download (path) where path is not null;

-- Where an import's files come from (imports::Origin), when they were fetched.
alter table import add column origin jsonb,
    add constraint import_origin_is_an_object check (origin is null or jsonb_typeof(origin) = 'object');

-- Whoever finds the folder first, the watcher or the job it was handed to: who asked for it and where it comes from is known.
create function download_origin(folder text) returns jsonb stable language sql as $$
    select jsonb_strip_nulls(jsonb_build_object('download_id', d.id, 'url', d.source_url, 'reference', d.reference,
            'program', d.program, 'program_version', d.program_version, 'user_id', d.user_id))
        from download d where d.path = folder or starts_with(folder, d.path || '/') order by d.id desc limit 1
$$;

-- The room of downloads stands above the imports: what became of one is its own job's to find out.
create function download_is_to_be_settled(origin jsonb) returns void language plpgsql as $$
begin
    insert into job (queue, kind, unique_key, payload, priority)
        values ('imports', 'downloads.settle', origin ->> 'download_id',
            jsonb_build_object('download_id', (origin ->> 'download_id')::bigint), -5)
        on conflict (kind, unique_key) where state = 'available' do update set run_at = least(job.run_at, now());
    perform pg_notify('barbossa_job', 'imports');
end $$;
create function import_of_download_turned() returns trigger language plpgsql as $$
begin
    perform download_is_to_be_settled(old.origin);
    return null;
end $$;
create trigger import_of_download_ended after update on import for each row
    when (old.origin ? 'download_id' and (new.finished_at is null) <> (old.finished_at is null)) execute function import_of_download_turned();
create trigger import_of_download_forgotten after delete on import for each row
    when (old.origin ? 'download_id') execute function import_of_download_turned();

-- Where each file of a track came from, for good: a row for each that took its place. No foreign keys, since it outlives
-- who asked for it, and the track while that lies in the trash.
create table provenance (
    id                bigint generated always as identity,
    track_id          bigint not null,
    source            text not null,
    source_url        text,
    reference         text,
    requested_by      bigint,
    requested_by_name text,
    -- BLAKE3 of the file as it came, before anybody changed its tags.
    checksum          bytea,
    essence           text,
    program           text,
    program_version   text,
    import_id         bigint,
    download_id       bigint,
    -- It took the place of another file.
    is_replacement    boolean not null,
    arrived_at        timestamptz not null default now(),
    constraint provenance_pk primary key (id),
    constraint provenance_checksum_is_blake3 check (checksum is null or octet_length(checksum) = 32)
);
create index provenance_by_track on provenance (track_id, id desc);
create index provenance_by_reference on provenance (reference) where reference is not null;
