-- What a user loves, as files of their own: on a drive, or as one zip.
create table export (
    id               bigint generated always as identity,
    -- Whose hearts.
    user_id          bigint not null,
    requested_by     bigint,
    -- A folder beneath one of the allowed roots, absolute; or `zip`: it is made while it is downloaded.
    destination      text not null,
    is_zip           boolean not null generated always as (destination = 'zip') stored,
    format           text not null,
    include_artwork  boolean not null,
    include_playlist boolean not null,
    include_lyrics   boolean not null,
    -- Files of earlier exports that are not hearted any more are deleted instead of listed.
    prune            boolean not null default false,
    state            text not null default 'pending',
    job_id           bigint,
    total_albums     integer not null default 0,
    exported_albums  integer not null default 0,
    total_bytes      bigint,
    exported_bytes   bigint not null default 0,
    eta_seconds      bigint,
    -- Sentences: what could not be exported, and why.
    problems         text[] not null default '{}',
    -- Files of an earlier export that are not hearted any more.
    removed          text[] not null default '{}',
    error            text,
    created_at       timestamptz not null default now(),
    started_at       timestamptz,
    finished_at      timestamptz,
    constraint export_pk primary key (id),
    constraint export_user_fk foreign key (user_id) references app_user (id) on delete cascade,
    constraint export_requested_by_fk foreign key (requested_by) references app_user (id) on delete set null,
    constraint export_format_known check (format in ('flac', 'mp3', 'both')),
    constraint export_state_known check (state in ('pending', 'running', 'complete', 'failed', 'cancelled')),
    constraint export_failed_has_a_reason check (state <> 'failed' or error is not null),
    constraint export_end_has_time check ((state in ('complete', 'failed', 'cancelled')) = (finished_at is not null)),
    constraint export_counts_not_negative check (total_albums >= 0 and exported_albums >= 0 and exported_bytes >= 0)
);
-- One at a time for each user; a zip takes no drive's time.
create unique index export_running on export (user_id) where state in ('pending', 'running') and not is_zip;
create index export_newest on export (user_id, id desc);
