-- How full the disk with the music was, a row a day (library::space).
create table disk_space (
    day         date not null,
    free_bytes  bigint not null,
    total_bytes bigint not null,
    constraint disk_space_pk primary key (day),
    constraint disk_space_not_negative check (free_bytes >= 0 and total_bytes >= 0)
);
