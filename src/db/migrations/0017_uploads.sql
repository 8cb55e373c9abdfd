-- What somebody drops onto a page, while it arrives.

create table upload (
    id          bigint generated always as identity,
    user_id     bigint not null,
    -- The folder that it will be.
    name        text not null,
    state       text not null default 'open',
    total_bytes bigint not null,
    job_id      bigint,
    -- Relative to MUSIC_PATH: where it appears in the inbox; written before it does.
    folder      text,
    -- A sentence for a person.
    problem     text,
    created_at  timestamptz not null default now(),
    touched_at  timestamptz not null default now(),
    finished_at timestamptz,
    constraint upload_pk primary key (id),
    constraint upload_user_fk foreign key (user_id) references app_user (id) on delete cascade,
    constraint upload_state_known check (state in ('open', 'taking', 'done', 'failed')),
    constraint upload_not_negative check (total_bytes >= 0),
    constraint upload_failure_has_a_reason check (state <> 'failed' or problem is not null)
);
create index upload_of_user on upload (user_id, id desc);

create table upload_file (
    id             bigint generated always as identity,
    upload_id      bigint not null,
    -- In the upload: components only.
    path           text not null,
    size_bytes     bigint not null,
    -- So many lie durably on the disk.
    received_bytes bigint not null default 0,
    constraint upload_file_pk primary key (id),
    constraint upload_file_upload_fk foreign key (upload_id) references upload (id) on delete cascade,
    constraint upload_file_once unique (upload_id, path),
    constraint upload_file_size check (size_bytes > 0 and received_bytes between 0 and size_bytes),
    constraint upload_file_stays_inside check (path <> '' and path !~ '(^|/)\.\.?(/|$)' and path !~ '^/')
);
