-- Why: at a gap records are read on without effect and are said again later. A deadline must wait for that, so the highest
-- number that was passed by is remembered.
-- Locks position for as long as it takes to change its description; no row is written.
alter table position add column ahead_era bigint not null default 0, add column ahead_sequence bigint not null default 0;
comment on column position.ahead_sequence is 'The highest number passed by without effect since one was missing: until it has been said again, not all that was read has taken effect.';
