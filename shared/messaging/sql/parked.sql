-- name: insert_parked
-- In the transaction that moves the position. A record has one row and one dead letter until it is replayed.
insert into parked (reason, detail, lane, topic, partition, "offset", ce_id, ce_source, ce_type, size, sha256, sealed, whole,
                    person, parked_at)
select reason, detail, lane, topic, partition, "offset", ce_id, ce_source, ce_type, size, sha256, sealed, whole, person, $1
from unnest($2::text[], $3::text[], $4::smallint[], $5::text[], $6::smallint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::int[], $12::bytea[], $13::text[],
            $14::boolean[], $15::text[])
     as n (reason, detail, lane, topic, partition, "offset", ce_id, ce_source, ce_type, size, sha256, sealed, whole, person)
on conflict do nothing
returning topic, partition, "offset";

-- name: delete_old_parked
-- Replayed or closed, and older than retention.
delete from parked where id in (
    select id from parked where coalesce(closed_at, replayed_at) < $1 limit 1000);
