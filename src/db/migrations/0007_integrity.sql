-- Files that are away, files that are not what they were, and when each was last read against its checksum.

-- Missing is not deleted: the row waits for its file.
alter table track add column missing_since timestamptz;
create index track_missing on track (missing_since, id) where missing_since is not null;

-- available_tracks is the number of tracks whose file is there, whoever adds, removes or moves them.
create or replace function album_tracks_counted() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        update album a set available_tracks = available_tracks + n
            from (select album_id, count(*) n from new_row where missing_since is null group by 1) c where a.id = c.album_id;
    else
        update album a set available_tracks = available_tracks - n
            from (select album_id, count(*) n from old_row where missing_since is null group by 1) c where a.id = c.album_id;
    end if;
    return null;
end $$;

create or replace function album_track_moved() returns trigger language plpgsql as $$
begin
    update album a set available_tracks = available_tracks + n
        from (select album_id, sum(sign) n
              from (select n.album_id, 1 as sign from new_row n join old_row o using (id)
                        where n.missing_since is null and (n.album_id <> o.album_id or o.missing_since is not null)
                    union all
                    select o.album_id, -1 from new_row n join old_row o using (id)
                        where o.missing_since is null and (n.album_id <> o.album_id or n.missing_since is not null)) moved
              group by 1 having sum(sign) <> 0) c
        where a.id = c.album_id;
    return null;
end $$;

-- A file that is not what it was. One that has not ended per track; it ends when the file is well again, replaced by a
-- good copy, or taken as it is by a person.
create table damage (
    id               bigint generated always as identity,
    track_id         bigint not null,
    kind             text not null,
    -- Path, what was expected, what was found, as a person and a program read it (library::NewDamage).
    details          jsonb not null,
    -- The file as it was when it was judged: the same file is not judged again by each rescan.
    seen_size_bytes  bigint,
    seen_modified_at timestamptz,
    found_at         timestamptz not null default now(),
    ended_at         timestamptz,
    ending           text,
    constraint damage_pk primary key (id),
    constraint damage_track_fk foreign key (track_id) references track (id) on delete cascade,
    constraint damage_kind_known check (kind in ('audio_rot', 'tag_rot', 'truncated', 'unreadable', 'missing', 'replaced')),
    constraint damage_ending_known check (ending in ('healed', 'repaired', 'accepted')),
    constraint damage_end_has_reason check ((ended_at is null) = (ending is null))
);
create unique index damage_open on damage (track_id) where ended_at is null;
create index damage_newest on damage (id desc) where ended_at is null;
create index damage_by_track on damage (track_id);

-- When a file was last read whole and was what it should be. By itself, since it changes daily and nobody browses by it.
create table verification (
    track_id    bigint not null,
    verified_at timestamptz not null,
    constraint verification_pk primary key (track_id),
    constraint verification_track_fk foreign key (track_id) references track (id) on delete cascade
);
create index verification_by_age on verification (verified_at);

-- Audio files in the library that cannot be read, so that a rescan does not try each of them again.
create table unreadable_file (
    -- Relative to MUSIC_PATH, as files::path_to_text writes it.
    path        text not null,
    size_bytes  bigint not null,
    modified_at timestamptz not null,
    -- A sentence for a person.
    reason      text not null,
    found_at    timestamptz not null default now(),
    constraint unreadable_file_pk primary key (path)
);

-- What a person has to look at before anything more is concluded from the disk; /health reads it.
create table alarm (
    name      text not null,
    -- A sentence for a person.
    reason    text not null,
    raised_at timestamptz not null default now(),
    constraint alarm_pk primary key (name)
);
