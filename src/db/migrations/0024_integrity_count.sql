-- How much was read again within the period, as of the end of the newest verification: to count it took 280 ms at 500,000
-- tracks, and only a verification, or a day that passes, changes it by much.
create table integrity_count (
    id             boolean not null default true,
    verified_count bigint not null,
    -- The longest that a file had not been read then.
    oldest_read_at timestamptz,
    counted_at     timestamptz not null default now(),
    constraint integrity_count_pk primary key (id),
    constraint integrity_count_is_one check (id),
    constraint integrity_count_not_negative check (verified_count >= 0)
);
insert into integrity_count (verified_count, oldest_read_at)
    select count(v.track_id), min(coalesce(v.verified_at, t.imported_at))
    from track t left join verification v on v.track_id = t.id where t.missing_since is null;
