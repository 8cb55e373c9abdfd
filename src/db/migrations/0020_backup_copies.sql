-- Backups that were carried elsewhere.
create table backup_copy (
    id          bigint generated always as identity,
    -- The name of one of backup.destinations.
    destination text not null,
    -- Of the backup.
    name        text not null,
    state       text not null default 'running',
    size_bytes  bigint,
    -- Why it failed.
    error       text,
    started_at  timestamptz not null default now(),
    finished_at timestamptz,
    -- When the retention of the destination let it go.
    removed_at  timestamptz,
    constraint backup_copy_pk primary key (id),
    constraint backup_copy_state_known check (state in ('running', 'complete', 'failed')),
    constraint backup_copy_failed_has_a_reason check (state <> 'failed' or error is not null),
    constraint backup_copy_end_has_time check ((state = 'running') = (finished_at is null))
);
create index backup_copy_newest on backup_copy (destination, started_at desc);

-- Backups of the music into a repository of restic, and looks at that repository.
create table music_backup (
    id          bigint generated always as identity,
    -- `backup` or `verify`.
    kind        text not null,
    state       text not null default 'running',
    -- The repository's own id.
    repository  text,
    -- What restic calls what was made.
    snapshot    text,
    -- How far it is: {"files_done", "total_files", "bytes_done", "total_bytes"}.
    progress    jsonb,
    files       bigint,
    bytes_added bigint,
    -- Files that were not backed up over their last good copy, since somebody else has changed them.
    held_back   bigint,
    -- Why it failed.
    error       text,
    started_at  timestamptz not null default now(),
    finished_at timestamptz,
    constraint music_backup_pk primary key (id),
    constraint music_backup_kind_known check (kind in ('backup', 'verify')),
    constraint music_backup_state_known check (state in ('running', 'complete', 'failed')),
    constraint music_backup_failed_has_a_reason check (state <> 'failed' or error is not null),
    constraint music_backup_end_has_time check ((state = 'running') = (finished_at is null))
);
create index music_backup_newest on music_backup (kind, started_at desc);

-- The newest copy of each file in that repository: what it was when restic read it.
create table music_copy (
    -- Relative to MUSIC_PATH.
    path        text not null,
    repository  text not null,
    snapshot    text not null,
    size_bytes  bigint not null,
    modified_at timestamptz not null,
    -- Of its audio; null where that was not known yet.
    essence     text,
    copied_at   timestamptz not null default now(),
    constraint music_copy_pk primary key (path)
);
create index music_copy_essence on music_copy (essence) where essence is not null;
