-- How late it was when the beat last looked: a clock that is set back shows.
create table clock (
    id      boolean not null default true,
    seen_at timestamptz not null,
    constraint clock_pk primary key (id),
    constraint clock_is_one check (id)
);

-- The days (UTC) on which the beat has looked.
create table day_lived (
    day date not null,
    constraint day_lived_pk primary key (day)
);

-- Whether as many days were lived since then as lie between the two. What goes for good after so many days asks this too: a
-- clock that leaps ahead takes nothing with it, and a machine that was off has not given people the time to want a thing back.
create function has_lived(since timestamptz, until timestamptz) returns boolean language sql stable as $$
    select count(*) >= floor(extract(epoch from until - since) / 86400)
    from day_lived where day >= (since at time zone 'UTC')::date
$$;
