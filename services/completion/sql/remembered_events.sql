-- name: load_remembered_outcomes
-- The outcomes of these enrollments that were announced before a restore.
select type, key as redeem_code from remembered where type = any($1::text[]) and key = any($2::text[]);
