-- The hall: people, jobs, events, activity.

create extension if not exists pg_trgm;

create table app_user (
    id            bigint generated always as identity,
    username      text not null,
    -- NFKC, case-folded: `Ada` and `ada` are one login and one folder.
    username_key  text not null,
    password_hash text not null,
    is_admin      boolean not null default false,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    constraint app_user_pk primary key (id),
    constraint app_user_username_key_unique unique (username_key),
    -- The name is a folder beneath `users/`: one plain path component.
    constraint app_user_username_is_a_folder check (
        octet_length(username) between 1 and 64 and username !~ '[/[:cntrl:]]' and username !~ '^[.[:space:]]' and username !~ '[[:space:]]$'
    )
);

create table session (
    id           bigint generated always as identity,
    user_id      bigint not null,
    -- SHA-256 of the token; the token itself is only ever with the client.
    token_sha256 bytea not null,
    created_at   timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at   timestamptz not null,
    user_agent   text,
    address      text,
    constraint session_pk primary key (id),
    constraint session_token_unique unique (token_sha256),
    constraint session_user_fk foreign key (user_id) references app_user (id) on delete cascade,
    constraint session_token_is_sha256 check (octet_length(token_sha256) = 32)
);
create index session_by_user on session (user_id);
create index session_by_expiry on session (expires_at);

-- An api process may keep a session in memory for some seconds; whoever ends a session says so at commit.
create function session_ended() returns trigger language plpgsql as $$
begin
    perform pg_notify('barbossa_session', 'ended');
    return null;
end $$;
create trigger session_deleted after delete on session for each row execute function session_ended();
-- Use makes a session longer all the time; only a shorter one is news.
create trigger session_shortened after update of expires_at on session for each row
    when (new.expires_at < old.expires_at) execute function session_ended();
create trigger app_user_changed after update or delete on app_user for each statement execute function session_ended();

create table job (
    id               bigint generated always as identity,
    queue            text not null,
    kind             text not null,
    -- Two waiting jobs of a kind with the same key are one job.
    unique_key       text,
    payload          jsonb not null default '{}',
    state            text not null default 'available',
    priority         smallint not null default 0,
    run_at           timestamptz not null default now(),
    attempt          integer not null default 0,
    max_attempts     integer not null default 8,
    lease_token      uuid,
    lease_expires_at timestamptz,
    worker           text,
    -- A person wants it ended: the worker stops it at the next safe place.
    cancel_requested boolean not null default false,
    progress         jsonb,
    result           jsonb,
    error            text,
    -- Jobs that a trigger enqueues learn it from the transaction (jobs::name_request).
    request_id       text default nullif(current_setting('barbossa.request_id', true), ''),
    created_at       timestamptz not null default now(),
    attempted_at     timestamptz,
    finished_at      timestamptz,
    constraint job_pk primary key (id),
    constraint job_state_known check (state in ('available', 'running', 'completed', 'cancelled', 'discarded')),
    constraint job_running_has_lease check ((state = 'running') = (lease_token is not null and lease_expires_at is not null)),
    constraint job_end_has_time check ((state in ('completed', 'cancelled', 'discarded')) = (finished_at is not null)),
    constraint job_attempts_positive check (attempt >= 0 and max_attempts > 0)
) with (fillfactor = 80);
-- One waiting and one running per key: a change made while the job runs is not lost.
create unique index job_waiting on job (kind, unique_key) where state = 'available';
create unique index job_running on job (kind, unique_key) where state = 'running';
create index job_ready on job (priority, run_at, id) where state = 'available';
create index job_lease on job (lease_expires_at) where state = 'running';
create index job_finished on job (finished_at) where finished_at is not null;

-- Wakes the workers at commit, once per statement and queue; polling is the guarantee.
create function job_announced() returns trigger language plpgsql as $$
begin
    perform pg_notify('barbossa_job', queue) from (select distinct queue from new_job where state = 'available') q;
    return null;
end $$;
create trigger job_inserted after insert on job referencing new table as new_job for each statement execute function job_announced();

-- A finished job is announced too: a request waits for it for up to two seconds.
create function job_ended() returns trigger language plpgsql as $$
begin
    perform pg_notify('barbossa_job_end', new.id::text);
    return null;
end $$;
create trigger job_finished after update of state on job for each row
    when (new.finished_at is not null and old.finished_at is null) execute function job_ended();

create table schedule (
    name        text not null,
    next_run_at timestamptz not null,
    last_run_at timestamptz,
    constraint schedule_pk primary key (name)
);

create table event (
    id         bigint generated always as identity,
    kind       text not null,
    -- Whom it is for: everyone (null, null), one user, or the admins.
    user_id    bigint,
    for_admins boolean not null default false,
    payload    jsonb not null,
    created_at timestamptz not null default now(),
    -- Ids are given before commit, so a lower one may become visible after a higher one. Whoever has seen this event
    -- can have missed a lower one only if that one's transaction was still open here: its xid is at least oldest_xid.
    xid        xid8 not null default pg_current_xact_id(),
    oldest_xid xid8 not null default pg_snapshot_xmin(pg_current_snapshot()),
    constraint event_pk primary key (id),
    constraint event_user_fk foreign key (user_id) references app_user (id) on delete cascade
);
create index event_by_age on event (created_at);

create table activity (
    id          bigint generated always as identity,
    user_id     bigint,
    action      text not null,
    entity_type text,
    entity_id   bigint,
    details     jsonb,
    address     text,
    created_at  timestamptz not null default now(),
    constraint activity_pk primary key (id),
    constraint activity_user_fk foreign key (user_id) references app_user (id) on delete set null
);
create index activity_by_age on activity (created_at desc, id desc);
create index activity_by_user on activity (user_id, id desc);
