-- Where names stand in their lists, so that a page by its number costs the same wherever it is: of each stretch of some
-- hundred names in order, the first and how many there are. To skip 50,000 entries of an index took 6 ms.
create table stretch (
    kind     text not null,
    -- Where it begins. The first of a list begins before all names, so that each is in one.
    sort_key text collate "C" not null,
    id       bigint not null,
    names    bigint not null,
    constraint stretch_pk primary key (kind, sort_key, id),
    constraint stretch_kind_known check (kind in ('artist', 'album')),
    constraint stretch_not_negative check (names >= 0)
) with (fillfactor = 50);
insert into stretch (kind, sort_key, id, names)
    select 'artist', '', 0, count(*) from artist union all select 'album', '', 0, count(*) from album;

-- The stretch in which a name is.
create function stretch_of(of_kind text, of_key text, of_id bigint) returns table (sort_key text, id bigint) language sql stable as $$
    select s.sort_key, s.id from stretch s where s.kind = of_kind and (s.sort_key, s.id) <= (of_key collate "C", of_id)
        order by s.sort_key desc, s.id desc limit 1
$$;

-- Makes stretches of 500 names of those with more than 1,000. Only where the counts are what the table has.
create function cut_long_stretches(of_kind text) returns void language plpgsql as $$
declare
    long record;
    behind record;
begin
    for long in select s.sort_key, s.id from stretch s where s.kind = of_kind and s.names > 1000 loop
        select s.sort_key, s.id into behind from stretch s
            where s.kind = of_kind and (s.sort_key, s.id) > (long.sort_key, long.id) order by s.sort_key, s.id limit 1;
        execute format('insert into stretch (kind, sort_key, id, names)
            select $1, sort_key, id, least(500, total - place)
            from (select sort_key, id, row_number() over (order by sort_key, id) - 1 as place, count(*) over () as total
                  from %I where (sort_key, id) >= ($2, $3) and ($4 is null or (sort_key, id) < ($4, $5))) n
            where place > 0 and place %% 500 = 0', of_kind)
            using of_kind, long.sort_key, long.id, behind.sort_key, behind.id;
        update stretch s set names = 500 where s.kind = of_kind and (s.sort_key, s.id) = (long.sort_key, long.id);
    end loop;
end $$;
select cut_long_stretches('artist'), cut_long_stretches('album');

-- As for letters: whoever changes the counts holds the library's own row. What others have not committed is in neither
-- the counts nor the table that is looked at.
create function names_came_or_went() returns trigger language plpgsql as $$
begin
    perform from library for no key update;
    if tg_op = 'INSERT' then
        update stretch s set names = s.names + came.n
            from (select o.sort_key, o.id, count(*) n
                  from new_row r cross join lateral stretch_of(tg_table_name::text, r.sort_key, r.id) o group by 1, 2) came
            where s.kind = tg_table_name and (s.sort_key, s.id) = (came.sort_key, came.id);
        perform cut_long_stretches(tg_table_name::text);
    else
        update stretch s set names = s.names - gone.n
            from (select o.sort_key, o.id, count(*) n
                  from old_row r cross join lateral stretch_of(tg_table_name::text, r.sort_key, r.id) o group by 1, 2) gone
            where s.kind = tg_table_name and (s.sort_key, s.id) = (gone.sort_key, gone.id);
        -- What comes there later belongs to the one before.
        delete from stretch s where s.kind = tg_table_name and s.names = 0 and s.id > 0;
    end if;
    return null;
end $$;
create trigger artist_stretch_in after insert on artist referencing new table as new_row for each statement execute function names_came_or_went();
create trigger artist_stretch_out after delete on artist referencing old table as old_row for each statement execute function names_came_or_went();
create trigger album_stretch_in after insert on album referencing new table as new_row for each statement execute function names_came_or_went();
create trigger album_stretch_out after delete on album referencing old table as old_row for each statement execute function names_came_or_went();

-- Row by row, the counts of the other rows may still be missing: nothing is cut here.
create function name_moved() returns trigger language plpgsql as $$
begin
    perform from library for no key update;
    update stretch s set names = s.names - 1 from stretch_of(tg_table_name::text, old.sort_key, old.id) o
        where s.kind = tg_table_name and (s.sort_key, s.id) = (o.sort_key, o.id);
    update stretch s set names = s.names + 1 from stretch_of(tg_table_name::text, new.sort_key, new.id) o
        where s.kind = tg_table_name and (s.sort_key, s.id) = (o.sort_key, o.id);
    return null;
end $$;
create trigger artist_stretch_changed after update of sort_key on artist for each row
    when (old.sort_key <> new.sort_key) execute function name_moved();
create trigger album_stretch_changed after update of sort_key on album for each row
    when (old.sort_key <> new.sort_key) execute function name_moved();

-- A user's artists in the order of their names.
alter table loved_artist add column sort_key text collate "C";
update loved_artist l set sort_key = a.sort_key from artist a where a.id = l.artist_id;
alter table loved_artist alter column sort_key set not null;
create unique index loved_artist_in_order on loved_artist (user_id, sort_key, artist_id);

create function loved_artist_placed() returns trigger language plpgsql as $$
begin
    new.sort_key := (select sort_key from artist where id = new.artist_id);
    return new;
end $$;
create trigger loved_artist_placed before insert on loved_artist for each row execute function loved_artist_placed();
create function loved_artist_renamed() returns trigger language plpgsql as $$
begin
    update loved_artist set sort_key = new.sort_key where artist_id = new.id;
    return null;
end $$;
create trigger artist_loved_renamed after update of sort_key on artist for each row
    when (old.sort_key <> new.sort_key) execute function loved_artist_renamed();

-- How much music there is and how much of it is lossless: to add it up took 300 ms at a million tracks.
alter table library
    add column track_bytes    bigint not null default 0,
    add column lossless_count bigint not null default 0;
update library set (track_bytes, lossless_count) =
    (select coalesce(sum(size_bytes), 0), count(*) filter (where not is_lossy) from track);

create function tracks_counted() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        update library l set track_count = track_count + c.n, track_bytes = track_bytes + c.bytes, lossless_count = lossless_count + c.lossless
            from (select count(*) n, sum(size_bytes) bytes, count(*) filter (where not is_lossy) lossless from new_row) c where c.n > 0;
    elsif tg_op = 'DELETE' then
        update library l set track_count = track_count - c.n, track_bytes = track_bytes - c.bytes, lossless_count = lossless_count - c.lossless
            from (select count(*) n, sum(size_bytes) bytes, count(*) filter (where not is_lossy) lossless from old_row) c where c.n > 0;
    else
        update library l set track_bytes = track_bytes + c.bytes, lossless_count = lossless_count + c.lossless
            from (select sum(n.size_bytes - o.size_bytes) bytes, sum(o.is_lossy::integer - n.is_lossy::integer) lossless
                  from new_row n join old_row o using (id)
                  where (n.size_bytes, n.is_lossy) is distinct from (o.size_bytes, o.is_lossy)) c
            where c.bytes is not null;
    end if;
    return null;
end $$;
create or replace trigger track_counted_in after insert on track referencing new table as new_row for each statement execute function tracks_counted();
create or replace trigger track_counted_out after delete on track referencing old table as old_row for each statement execute function tracks_counted();
create trigger track_totals_changed after update on track referencing new table as new_row old table as old_row for each statement
    when (current_setting('barbossa.fills_in_essences', true) is distinct from 'on')
    execute function tracks_counted();

-- A name in the trash, by any part of it.
create index trash_alike on trash using gin (lower(coalesce(artist, '') || ' ' || title) gin_trgm_ops);

-- Of two words that half of all tracks have, PostgreSQL collects all tracks before the first is seen. A sixteenth of them
-- is enough then (library::search).
create index track_search_sample on track using gin (search) where id % 16 = 0;
