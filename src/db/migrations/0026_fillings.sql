-- Tracks that are fetched to fill the gaps of an album.

-- The place that a fetched track takes there (downloads::Filling).
alter table download add column filling jsonb,
    add constraint download_filling_is_an_object check (filling is null or jsonb_typeof(filling) = 'object');

-- It came to fill a gap: what is lossy of these is marked.
alter table track add column is_filling boolean not null default false;

-- The imports know that it is for that album.
create or replace function download_origin(folder text) returns jsonb stable language sql as $$
    select jsonb_strip_nulls(jsonb_build_object('download_id', d.id, 'url', d.source_url, 'reference', d.reference,
            'program', d.program, 'program_version', d.program_version, 'user_id', d.user_id, 'fills_album_id', d.fills_album_id))
        from download d where d.path = folder or starts_with(folder, d.path || '/') order by d.id desc limit 1
$$;
