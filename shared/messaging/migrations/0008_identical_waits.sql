-- Why: an identical record takes no second place under the key it waits for. What waits already has no digest: it may be
-- joined by one repeat. The new index counts what waits under a key as the old one did.
-- Locks waiting against writers while the index is built: some seconds for 500,000 rows.
alter table waiting add column digest bytea;
create unique index waiting_once on waiting (kind, key, owner, digest);
drop index waiting_by_key;
comment on column waiting.digest is 'Of type and value: identical records under a key have one place. Null: each keeps its own.';
