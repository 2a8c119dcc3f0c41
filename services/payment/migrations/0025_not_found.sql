-- Why: a partner that is asked for a status may answer that it does not know the reference; the same instruction is the
-- reply, once for each request.
-- Adds columns that are empty, under a lock of a moment: attempts at partners count as not asked until the next request.
alter table attempt add column asked_at timestamptz, add column not_found_at timestamptz;
comment on column attempt.asked_at is 'The latest request for its status; null: none, or the instruction was repeated since.';
comment on column attempt.not_found_at is 'The partner''s time of its latest report, which counted, that it knows no such reference.';
