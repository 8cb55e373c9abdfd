-- What became of a backup after it was made, and what it never had.
alter table backup
    -- Sentences: what is not in it, and why.
    add column left_out   text[] not null default '{}',
    -- When it was last read again from its first byte to its last.
    add column checked_at timestamptz,
    -- What was wrong with it then; null: nothing.
    add column problem    text,
    -- When the retention let it go.
    add column removed_at timestamptz;

-- Backups that were restored beside the running database, to see whether they can be.
create table restore_drill (
    id            bigint generated always as identity,
    -- Of the backup.
    name          text not null,
    state         text not null default 'running',
    -- Why it failed.
    error         text,
    rows_restored bigint,
    -- Tracks whose audio was read and held against the restored rows.
    files_checked integer,
    took_ms       bigint,
    started_at    timestamptz not null default now(),
    finished_at   timestamptz,
    constraint restore_drill_pk primary key (id),
    constraint restore_drill_state_known check (state in ('running', 'proven', 'failed')),
    constraint restore_drill_failed_has_a_reason check (state <> 'failed' or error is not null),
    constraint restore_drill_end_has_time check ((state = 'running') = (finished_at is null))
);
create index restore_drill_newest on restore_drill (started_at desc);
