-- name: lock_ledger_heads
-- The lanes are locked already; the ledgers of the treasury and of the funds are locked here.
select lane, number, hash, seal from book where lane = any($1::smallint[]) order by lane for update;

-- name: save_ledger_heads
-- The new heads, sealed.
insert into book (lane, number, hash, seal) select * from unnest($1::smallint[], $2::bigint[], $3::bytea[], $4::bytea[])
on conflict (lane) do update set number = excluded.number, hash = excluded.hash, seal = excluded.seal;

-- name: load_ledger_heads
-- The last row of each ledger.
select lane, number, hash, seal from book order by lane;

-- name: load_transfers
-- A ledger from a number on, in portions, to verify its chain.
select lane, number, wave, component, debit, credit, amount, reference, at, hash
from transfer where lane = $1 and number > $2 order by number limit $3;
