-- When a source of downloads may be asked again: each at its own pace, and later when it wants to be left alone.
create table download_pace (
    source  text not null,
    free_at timestamptz not null,
    constraint download_pace_pk primary key (source)
);
