-- What migration 0008 says of the triggers on track holds for those that came since: nobody is told, and no words move, when
-- only a checksum and an essence are filled in.
create or replace trigger track_told_when_changed after update on track referencing new table as new_row old table as old_row for each statement
    when (current_setting('barbossa.fills_in_essences', true) is distinct from 'on')
    execute function changed_track_told_to_players();
create or replace trigger track_words_follow after update on track referencing new table as new_row old table as old_row for each statement
    when (current_setting('barbossa.fills_in_essences', true) is distinct from 'on')
    execute function lyrics_follow();
