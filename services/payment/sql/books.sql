-- name: load_account_totals
-- Debit, credit and number of transfers of each account, of transfers behind one number and up to another in each
-- ledger.
select wave, component::text, side.account, count(*) as transfers,
       sum(side.debit)::bigint as debit, sum(side.credit)::bigint as credit
from unnest($1::smallint[], $2::bigint[], $3::bigint[]) as span (lane, after, through)
join transfer t on t.lane = span.lane and t.number > span.after and t.number <= span.through
cross join lateral (values (t.debit, t.amount, 0), (t.credit, 0, t.amount)) as side (account, debit, credit)
group by wave, component, side.account
order by wave, component, side.account;

-- name: load_documented_money
-- What the treasury's documents say, with which the ledger must agree.
select wave, component::text, sum(amount)::bigint as amount from appropriation group by wave, component;

-- name: load_clearing_legs
-- References whose money went to a partner and came to no end, by the ledger alone; the oldest first.
select wave, component::text, account, reference, sum(amount)::bigint as amount, max(at) as since
from (select wave, component, debit as account, reference, amount, at from transfer where debit like 'clearing:%'
      union all
      select wave, component, credit, reference, -amount, at from transfer where credit like 'clearing:%') as sides
group by wave, component, account, reference
having sum(amount) <> 0
order by since, reference;

-- name: load_first_and_last_time
-- The days between which a foreign program opens and balances the accounts.
select min(at) as first, max(at) as last from transfer;

-- name: load_all_transfers
-- The whole ledger for an export, the oldest first; read by a cursor, portion by portion.
select lane, number, wave, component, debit, credit, amount, reference, at, hash from transfer order by at, lane, number;

-- name: load_hashes
-- The hashes at these places of the ledgers.
select t.lane, t.number, t.hash
from unnest($1::smallint[], $2::bigint[]) as place (lane, number) join transfer t using (lane, number);

-- name: load_operation_hash
-- The hash at a place of the log of operations.
select hash from operation where number = $1;

-- name: load_heads_of_all_chains
-- One statement, so one snapshot: the end of each ledger and that of the log of operations.
select lane, number, hash from book union all select null, number, hash from operation_head order by lane;

-- name: take_turn_to_sign
-- One process signs at a time; another leaves it to that one.
select pg_try_advisory_xact_lock(hashtextextended('statement of heads', 0));

-- name: count_cleared_cut_offs
-- The waves that are cleared in all lanes; one more makes a statement due.
select count(*) from (select from cut_off group by wave having bool_and(cleared)) as wave;

-- name: load_last_signed_head
-- The statement that the next one follows.
select number, at, cut_offs, day, statement from signed_head order by number desc limit 1;

-- name: load_last_declaring_head
-- The statement from which the next totals count: the last with totals, or the first of all.
select number, at, cut_offs, day, statement from signed_head
where day is not null or number = 1 order by number desc limit 1;

-- name: load_declaring_head
-- The statement that declares the totals of a day.
select number, at, cut_offs, day, statement from signed_head where day = $1 order by number limit 1;

-- name: load_signed_head
-- One statement, to compare with one that was published.
select number, at, cut_offs, day, statement from signed_head where number = $1;

-- name: load_signed_heads
-- Statements from a number on, in order.
select number, at, cut_offs, day, statement from signed_head where number > $1 order by number limit $2;

-- name: load_latest_signed_heads
-- What a page shows: the latest, in order.
select statement from (select number, statement from signed_head order by number desc limit $1) as latest
order by number;

-- name: insert_signed_head
-- Append-only: the number before is taken, so no two statements have the same place.
insert into signed_head (number, at, cut_offs, day, statement) values ($1, $2, $3, $4, $5);
