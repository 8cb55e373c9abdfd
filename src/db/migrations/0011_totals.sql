-- Totals of parts of the library and of what a user loves: each change adds what it changed, so that nothing is counted
-- when it is asked for. Counting 40,000 albums of a letter took 10 ms, finding the artists of 100,000 hearts 500 ms.

-- How many names begin so: with a letter from a to z, or with # and the character behind it.
create table letter_total (
    kind   text not null,
    letter text collate "C" not null,
    names  bigint not null,
    constraint letter_total_pk primary key (kind, letter),
    constraint letter_total_kind_known check (kind in ('artist', 'album')),
    constraint letter_total_not_negative check (names >= 0)
);

create function first_letter(sort_key text) returns text language sql immutable as $$
    select left(sort_key, case when starts_with(sort_key, '#') then 2 else 1 end)
$$;

-- Whoever changes letters holds the library's own row, which counts all names, before: two who change several of them
-- wait for each other there and nowhere else.
create function letters_came_or_went() returns trigger language plpgsql as $$
begin
    perform from library for no key update;
    if tg_op = 'INSERT' then
        insert into letter_total (kind, letter, names)
            select tg_table_name, first_letter(sort_key), count(*) from new_row group by 2 order by 2
            on conflict (kind, letter) do update set names = letter_total.names + excluded.names;
    else
        update letter_total t set names = names - gone.n
            from (select first_letter(sort_key) as letter, count(*) n from old_row group by 1) gone
            where t.kind = tg_table_name and t.letter = gone.letter;
    end if;
    return null;
end $$;
create trigger artist_letter_in after insert on artist referencing new table as new_row for each statement execute function letters_came_or_went();
create trigger artist_letter_out after delete on artist referencing old table as old_row for each statement execute function letters_came_or_went();
create trigger album_letter_in after insert on album referencing new table as new_row for each statement execute function letters_came_or_went();
create trigger album_letter_out after delete on album referencing old table as old_row for each statement execute function letters_came_or_went();

create function letter_changed() returns trigger language plpgsql as $$
begin
    perform from library for no key update;
    update letter_total set names = names - 1 where kind = tg_table_name and letter = first_letter(old.sort_key);
    insert into letter_total (kind, letter, names) values (tg_table_name, first_letter(new.sort_key), 1)
        on conflict (kind, letter) do update set names = letter_total.names + 1;
    return null;
end $$;
create trigger artist_letter_changed after update of sort_key on artist for each row
    when (first_letter(old.sort_key) <> first_letter(new.sort_key)) execute function letter_changed();
create trigger album_letter_changed after update of sort_key on album for each row
    when (first_letter(old.sort_key) <> first_letter(new.sort_key)) execute function letter_changed();

-- How many albums a user has hearted.
create table loved (
    user_id     bigint not null,
    album_count bigint not null,
    constraint loved_pk primary key (user_id),
    constraint loved_user_fk foreign key (user_id) references app_user (id) on delete cascade,
    constraint loved_not_negative check (album_count >= 0)
);

-- The artists of whom a user has hearted an album or a track.
create table loved_artist (
    user_id   bigint not null,
    artist_id bigint not null,
    constraint loved_artist_pk primary key (user_id, artist_id),
    constraint loved_artist_user_fk foreign key (user_id) references app_user (id) on delete cascade,
    constraint loved_artist_artist_fk foreign key (artist_id) references artist (id) on delete cascade
);
create index loved_artist_of_artist on loved_artist (artist_id);

-- These run behind heart_added and heart_removed (by their names), which hold the user's waiting job: two who change the
-- hearts of one user come here one after the other.
create function heart_tallied() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into loved (user_id, album_count)
            select user_id, count(*) from new_row where album_id is not null group by 1 order by 1
            on conflict (user_id) do update set album_count = loved.album_count + excluded.album_count;
        insert into loved_artist (user_id, artist_id)
            select distinct n.user_id, a.artist_id from new_row n join album a on a.id = n.folder_of_album_id order by 1, 2
            on conflict do nothing;
    else
        update loved l set album_count = album_count - gone.n
            from (select user_id, count(*) n from old_row where album_id is not null group by 1) gone
            where l.user_id = gone.user_id;
        delete from loved_artist l
            using (select distinct o.user_id, a.artist_id from old_row o join album a on a.id = o.folder_of_album_id) gone
            where (l.user_id, l.artist_id) = (gone.user_id, gone.artist_id) and not exists (
                select from album a join heart h on h.folder_of_album_id = a.id
                where a.artist_id = l.artist_id and h.user_id = l.user_id);
    end if;
    return null;
end $$;
create trigger heart_tallied_in after insert on heart referencing new table as new_row for each statement execute function heart_tallied();
create trigger heart_tallied_out after delete on heart referencing old table as old_row for each statement execute function heart_tallied();

-- Of which of these artists nothing is loved any more.
create function artists_left(artist_ids bigint[]) returns void language sql as $$
    delete from loved_artist l where l.artist_id = any(artist_ids) and not exists (
        select from album a join heart h on h.folder_of_album_id = a.id
        where a.artist_id = l.artist_id and h.user_id = l.user_id)
$$;

-- A heart goes with its track to another album, an album to another artist.
create function heart_moved() returns trigger language plpgsql as $$
begin
    insert into loved_artist (user_id, artist_id)
        select new.user_id, a.artist_id from album a where a.id = new.folder_of_album_id on conflict do nothing;
    perform artists_left(array(select artist_id from album where id = old.folder_of_album_id));
    return null;
end $$;
create trigger heart_moved after update of folder_of_album_id on heart for each row
    when (old.folder_of_album_id is distinct from new.folder_of_album_id) execute function heart_moved();

create function loved_album_moved() returns trigger language plpgsql as $$
begin
    insert into loved_artist (user_id, artist_id)
        select distinct user_id, new.artist_id from heart where folder_of_album_id = new.id order by 1 on conflict do nothing;
    perform artists_left(array[old.artist_id]);
    return null;
end $$;
create trigger album_loved_moved after update of artist_id on album for each row
    when (old.artist_id <> new.artist_id) execute function loved_album_moved();

-- The hearts of an album that is gone cannot say whose it was.
create function loved_album_went() returns trigger language plpgsql as $$
begin
    perform artists_left(array(select distinct artist_id from old_row));
    return null;
end $$;
create trigger album_loved_went after delete on album referencing old table as old_row for each statement execute function loved_album_went();

-- What is there already.
insert into letter_total (kind, letter, names)
    select 'artist', first_letter(sort_key), count(*) from artist group by 2
    union all select 'album', first_letter(sort_key), count(*) from album group by 2;
insert into loved (user_id, album_count) select user_id, count(*) from heart where album_id is not null group by 1;
insert into loved_artist (user_id, artist_id)
    select distinct h.user_id, a.artist_id from heart h join album a on a.id = h.folder_of_album_id;

-- Rows of the trash are wide, since they say what each file was; their sizes are not.
create index trash_totals on trash (kind) include (size_bytes);
