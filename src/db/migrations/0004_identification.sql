-- What was found out about releases: evidence of imports, answers of MusicBrainz and AcoustID, fingerprints.

-- What it was taken for, its tracks in the order of the files (imports::Release).
alter table import add column release jsonb;
-- Another reading of the same files, with its own confidence (imports::RunnerUp).
alter table import add column runner_up jsonb;
-- What outside catalogues added, or why they could not (imports::Enrichment).
alter table import add column enrichment jsonb;

-- Answers of other people's services: kept for good, and a "no" for 30 days.
create table lookup (
    service  text not null,
    -- The request's path and query, without its key.
    question text not null,
    -- Null: they know nothing of it.
    answer   jsonb,
    asked_at timestamptz not null default now(),
    constraint lookup_pk primary key (service, question),
    constraint lookup_service_known check (service in ('musicbrainz', 'acoustid'))
);

-- When a service may be asked again: one row each, so that all processes of all hosts together keep its pace.
create table lookup_pace (
    service text not null,
    free_at timestamptz not null default '-infinity',
    constraint lookup_pace_pk primary key (service),
    constraint lookup_pace_service_known check (service in ('musicbrainz', 'acoustid'))
);
insert into lookup_pace (service) values ('musicbrainz'), ('acoustid');

-- How a recording sounds (Chromaprint, algorithm 1, the first 120 s), by what it is: tracks with one essence share it.
create table fingerprint (
    essence     text not null,
    -- As Chromaprint compresses it; null when it could not be made.
    compressed  bytea,
    duration_ms bigint not null,
    -- A sentence for a person: why there is none.
    reason      text,
    made_at     timestamptz not null default now(),
    constraint fingerprint_pk primary key (essence),
    constraint fingerprint_is_there_or_has_a_reason check ((compressed is null) = (reason is not null)),
    constraint fingerprint_duration_not_negative check (duration_ms >= 0)
);
