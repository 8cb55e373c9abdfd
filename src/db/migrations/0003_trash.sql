-- What was replaced, deleted or came twice: kept for `trash.keep_days`, and brought back as a whole.
create table trash (
    id          bigint generated always as identity,
    kind        text not null,
    -- filling: its files are on their way here; kept; restoring: on their way back; removing: going for good.
    state       text not null default 'kept',
    -- While it is being filled, what for: `album:7`, `track:9`, `swap:3`. One at a time.
    subject     text,
    -- Its folder, relative to MUSIC_PATH: `.trash/replaced/17`. Gone when the row is.
    path        text not null,
    -- As a person looks for it.
    artist      text,
    title       text not null,
    -- The album it was of. No foreign key: the row outlives it.
    album_id    bigint,
    import_id   bigint,
    -- Each file: name in the folder, where it was, size, checksum, essence, and the track's row as it was (trash::File).
    files       jsonb not null,
    file_count  integer not null,
    size_bytes  bigint not null,
    -- The album's row, its artist and hearts as they were, when it was deleted (trash::Deleted).
    snapshot    jsonb,
    -- While it is being restored: where each file goes (trash::Way).
    way         jsonb,
    -- A sentence for a person: why it is here.
    reason      text not null,
    trashed_by  bigint,
    trashed_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    constraint trash_pk primary key (id),
    constraint trash_trashed_by_fk foreign key (trashed_by) references app_user (id) on delete set null,
    constraint trash_import_fk foreign key (import_id) references import (id) on delete set null,
    constraint trash_path_unique unique (path),
    constraint trash_kind_known check (kind in ('replaced', 'deleted', 'duplicate')),
    constraint trash_state_known check (state in ('filling', 'kept', 'restoring', 'removing')),
    constraint trash_is_filled_for_something check (state <> 'filling' or subject is not null),
    constraint trash_path_is_in_the_trash check (path like '.trash/_%' and path !~ '(^|/)\.\.?(/|$)'),
    constraint trash_files_are_a_list check (jsonb_typeof(files) = 'array'),
    constraint trash_counts_not_negative check (file_count >= 0 and size_bytes >= 0)
);
create index trash_newest on trash (id desc);
create index trash_by_expiry on trash (expires_at);
create index trash_by_album on trash (album_id) where album_id is not null;
create unique index trash_under_way on trash (subject) where state = 'filling';

-- The report of duplicates: the same recording, by its ids or by its name.
create index track_by_recording on track (musicbrainz_id) where musicbrainz_id is not null;
create index track_by_isrc on track (isrc) where isrc is not null;
create index track_by_title on track (title_key, id);

-- What was never in the library (a double, a rejected folder) goes back through the one way in: the imports' own job.
create function trash_returns_to_imports() returns trigger language plpgsql as $$
begin
    insert into job (queue, kind, unique_key, payload)
        values ('imports', 'imports.return_from_trash', 'entry:' || new.id, jsonb_build_object('trash_id', new.id))
        on conflict (kind, unique_key) where state = 'available' do update set run_at = least(job.run_at, now());
    return null;
end $$;
create trigger trash_is_restored_by_imports after update of state on trash for each row
    when (new.state = 'restoring' and new.kind <> 'replaced' and new.snapshot is null)
    execute function trash_returns_to_imports();
