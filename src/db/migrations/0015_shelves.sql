-- What lists of albums are filtered and sorted by: kept with the album, so that a page costs the same in a library of any
-- size.

-- More than a CD holds.
create function is_hires(is_lossy boolean, bit_depth integer, sample_rate_hz integer) returns boolean language sql immutable as $$
    select not is_lossy and (coalesce(bit_depth, 0) > 16 or coalesce(sample_rate_hz, 0) > 48000)
$$;

alter table album add column lossy_tracks integer not null default 0;
alter table album add column hires_tracks integer not null default 0;

-- Counted as available_tracks is, and in the same update.
create or replace function album_tracks_counted() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        update album a set available_tracks = available_tracks + n, lossy_tracks = lossy_tracks + lossy, hires_tracks = hires_tracks + hires
            from (select album_id, count(*) n, count(*) filter (where is_lossy) lossy,
                      count(*) filter (where is_hires(is_lossy, bit_depth, sample_rate_hz)) hires
                  from new_row where missing_since is null group by 1) c where a.id = c.album_id;
    else
        update album a set available_tracks = available_tracks - n, lossy_tracks = lossy_tracks - lossy, hires_tracks = hires_tracks - hires
            from (select album_id, count(*) n, count(*) filter (where is_lossy) lossy,
                      count(*) filter (where is_hires(is_lossy, bit_depth, sample_rate_hz)) hires
                  from old_row where missing_since is null group by 1) c where a.id = c.album_id;
    end if;
    return null;
end $$;

create or replace function album_track_moved() returns trigger language plpgsql as $$
begin
    update album a set available_tracks = available_tracks + n, lossy_tracks = lossy_tracks + lossy, hires_tracks = hires_tracks + hires
        from (select album_id, sum(sign) n, coalesce(sum(sign) filter (where is_lossy), 0) lossy,
                  coalesce(sum(sign) filter (where is_hires(is_lossy, bit_depth, sample_rate_hz)), 0) hires
              from (select n.album_id, n.is_lossy, n.bit_depth, n.sample_rate_hz, 1 as sign from new_row n join old_row o using (id)
                        where n.missing_since is null and (n.album_id, n.is_lossy, n.bit_depth, n.sample_rate_hz, o.missing_since)
                            is distinct from (o.album_id, o.is_lossy, o.bit_depth, o.sample_rate_hz, null)
                    union all
                    select o.album_id, o.is_lossy, o.bit_depth, o.sample_rate_hz, -1 from new_row n join old_row o using (id)
                        where o.missing_since is null and (o.album_id, o.is_lossy, o.bit_depth, o.sample_rate_hz, n.missing_since)
                            is distinct from (n.album_id, n.is_lossy, n.bit_depth, n.sample_rate_hz, null)) moved
              group by 1) c
        where a.id = c.album_id and (n <> 0 or lossy <> 0 or hires <> 0);
    return null;
end $$;

update album a set lossy_tracks = lossy, hires_tracks = hires
    from (select album_id, count(*) filter (where is_lossy) lossy,
              count(*) filter (where is_hires(is_lossy, bit_depth, sample_rate_hz)) hires
          from track where missing_since is null group by 1) c
    where a.id = c.album_id and lossy + hires > 0;

-- What few albums have is found by an index of those few; what most have is found wherever one looks.
create index album_lossy on album (sort_key, id) where lossy_tracks > 0;
create index album_hires on album (sort_key, id) where hires_tracks > 0;
create index album_incomplete on album (sort_key, id) where available_tracks < total_tracks;
create index album_without_cover on album (sort_key, id) where artwork_path is null;
create index album_by_source on album (source, sort_key, id);
create index album_by_year on album (coalesce(year, 0) desc, id desc);
