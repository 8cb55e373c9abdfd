-- Edits of names and tags, each with before and after, so that each can be undone; uploaded pictures on their way to the
-- worker; and what is known of the pictures that pages show.
create table edit (
    id          bigint generated always as identity,
    -- What was asked for (edits::Request).
    request     jsonb not null,
    -- What it was asked of.
    entity_type text not null,
    entity_id   bigint not null,
    -- As a person looks for it: `Artist – Album`.
    title       text not null,
    edited_by   bigint,
    state       text not null default 'waiting',
    -- Folders and files, each with where it was and where it goes, its tags, and what is kept of it (edits::Plan).
    plan        jsonb,
    -- The rows (library::Rows).
    before      jsonb,
    after       jsonb,
    -- What a person reads: a list of entity, id, name, field, before, after.
    changes     jsonb not null default '[]',
    -- Sentences: which file kept its tags, and why.
    notes       text[] not null default '{}',
    -- The albums it writes; nothing else may move them meanwhile.
    album_ids   bigint[] not null default '{}',
    undoes      bigint,
    undone_by   bigint,
    -- Why it failed, or waits.
    reason      text,
    created_at  timestamptz not null default now(),
    finished_at timestamptz,
    -- The old files' bytes have gone: it cannot be undone any more.
    expired_at  timestamptz,
    constraint edit_pk primary key (id),
    constraint edit_edited_by_fk foreign key (edited_by) references app_user (id) on delete set null,
    constraint edit_undoes_fk foreign key (undoes) references edit (id),
    constraint edit_undone_by_fk foreign key (undone_by) references edit (id),
    constraint edit_entity_known check (entity_type in ('artist', 'album', 'track')),
    constraint edit_state_known check (state in ('waiting', 'planned', 'staged', 'published', 'recorded', 'done', 'failed')),
    constraint edit_plan_before_disk check (state in ('waiting', 'failed') or (plan is not null and before is not null and after is not null)),
    constraint edit_failed_has_a_reason check (state <> 'failed' or reason is not null)
);
create index edit_unfinished on edit (id) where state not in ('done', 'failed');
create index edit_of_entity on edit (entity_type, entity_id, id desc);
create index edit_to_expire on edit (finished_at) where state = 'done' and expired_at is null;
create unique index edit_undone_once on edit (undoes) where state <> 'failed';

-- The api may not write music: a picture waits here for the worker, which takes the row away with it.
create table artwork_upload (
    id          bigint generated always as identity,
    album_id    bigint,
    artist_id   bigint,
    -- None: bring the original back.
    image       bytea,
    uploaded_by bigint,
    address     text,
    created_at  timestamptz not null default now(),
    constraint artwork_upload_pk primary key (id),
    constraint artwork_upload_album_fk foreign key (album_id) references album (id) on delete cascade,
    constraint artwork_upload_artist_fk foreign key (artist_id) references artist (id) on delete cascade,
    constraint artwork_upload_by_fk foreign key (uploaded_by) references app_user (id) on delete set null,
    constraint artwork_upload_is_for_one check (num_nonnulls(album_id, artist_id) = 1),
    constraint artwork_upload_size check (octet_length(image) <= 10485760)
);

-- A picture of the library whose thumbnails were made, or could not be.
create table picture (
    -- Relative to MUSIC_PATH, as in artwork_path.
    path        text not null,
    size_bytes  bigint not null,
    modified_at timestamptz not null,
    -- BLAKE3 of the file, hex: the name of its thumbnails beneath `.thumbs/`. None: it cannot be shown smaller.
    hash        text,
    problem     text,
    made_at     timestamptz not null default now(),
    constraint picture_pk primary key (path),
    constraint picture_is_made_or_not check (num_nonnulls(hash, problem) = 1)
);
create index picture_by_hash on picture (hash) where hash is not null;

-- Albums without a cover file whose tracks were searched for one.
create table album_searched_for_picture (
    album_id    bigint not null,
    -- With so many tracks; with more, it is worth another look.
    track_count integer not null,
    constraint album_searched_for_picture_pk primary key (album_id),
    constraint album_searched_for_picture_fk foreign key (album_id) references album (id) on delete cascade
);

-- New pictures, and albums that have none, wake the job that makes thumbnails: one job however many.
create function pictures_are_pending() returns trigger language plpgsql as $$
begin
    insert into job (queue, kind, unique_key, payload, priority)
        values ('maintenance', 'library.make_thumbnails', 'all', '{}', 20)
        on conflict (kind, unique_key) where state = 'available' do nothing;
    perform pg_notify('barbossa_job', 'maintenance');
    return null;
end $$;
create trigger album_picture_came after insert on album for each statement execute function pictures_are_pending();
create trigger album_picture_changed after update of artwork_path on album for each statement execute function pictures_are_pending();
create trigger artist_picture_changed after update of artwork_path on artist for each statement execute function pictures_are_pending();
