-- Queues of which no job is begun until somebody lets them go on.

create table queue_pause (
    queue     text not null,
    paused_by bigint,
    paused_at timestamptz not null default now(),
    constraint queue_pause_pk primary key (queue),
    constraint queue_pause_paused_by_fk foreign key (paused_by) references app_user (id) on delete set null
);
