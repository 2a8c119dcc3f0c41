-- name: load_blocks
-- All blocks and unblocks of these participants; nearly nobody has any.
select participant_id, at, blocked, lane, reason, carried_by from block where participant_id = any($1::text[]);
