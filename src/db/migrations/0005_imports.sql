-- Imports that replace: more steps between plan and end, and a person's word on what was set aside.

alter table import
    -- What a person decided about it (imports::Verdict); while it is on its way again, this stands instead of the gate.
    add column approval jsonb,
    -- Where it lay when it arrived, once a person has sent it on from another place.
    add column arrived_path text,
    -- Its folder could be read and not moved: the files were copied, and are not asked for again until they change.
    add column keeps_source boolean not null default false,
    drop constraint import_state_known,
    drop constraint import_plan_before_disk;
drop index import_in_progress;
alter table import
    add constraint import_state_known check (state in ('waiting', 'planned', 'staged', 'published', 'recorded', 'linked', 'retired',
        'done', 'review', 'rejected', 'duplicate', 'failed')),
    add constraint import_plan_before_disk check (state not in ('planned', 'staged', 'published', 'recorded', 'linked', 'retired') or plan is not null),
    add constraint import_approval_is_an_object check (approval is null or jsonb_typeof(approval) = 'object'),
    -- Whoever finds such a row goes on from there.
    add column is_on_its_way boolean not null
        generated always as (state not in ('done', 'review', 'rejected', 'duplicate', 'failed')) stored;
-- A folder is on its way in once at a time.
create unique index import_in_progress on import (source_path) where is_on_its_way;
