-- Filling in the checksums and essences of a library that was adopted changes nothing that an album's count, a link or a
-- heart hangs on. Who does just that says so (library::ReadEssences), and the triggers need not compare each row with
-- what it was: that took half of the time.
create or replace trigger track_moved_between_albums after update on track referencing new table as new_row old table as old_row for each statement
    when (current_setting('barbossa.fills_in_essences', true) is distinct from 'on')
    execute function album_track_moved();
create or replace trigger linked_track_changed after update on track referencing new table as new_row old table as old_row for each statement
    when (current_setting('barbossa.fills_in_essences', true) is distinct from 'on')
    execute function linked_track_changed();
