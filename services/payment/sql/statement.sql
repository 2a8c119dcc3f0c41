-- name: plan_by_reference
-- For this transaction. A few references are looked up in tables of millions, which a session for long work would read whole.
select set_config(name, case name when 'enable_nestloop' then 'on' else 'off' end, true)
from unnest('{enable_nestloop,enable_seqscan,enable_hashjoin,enable_mergejoin}'::text[]) as setting (name);

-- name: lock_statements
-- One statement at a time: the numbers of statements have no gap, and no break is found twice.
select pg_advisory_xact_lock(hashtext('statements of partners'));

-- name: load_statement
-- A file that was read before.
select id, lines, from_at, until from statement where partner = $1 and digest = $2;

-- name: next_statement
-- Its lines come first, since the number of lines and the period are known at the end of the file.
select coalesce(max(id), 0) + 1 from statement;

-- name: insert_statement
-- Once all of its lines are there.
insert into statement (id, partner, digest, form, from_at, until, lines, read_at) values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: load_references_of_statement
-- Also in those that the books have as paid or returned by that partner since its period began. A partner's time may be
-- five minutes ahead of ours.
select distinct reference from statement_line where statement = $1
union
select reference from transfer
where at >= $3::timestamptz - interval '5 minutes' and reference is not null
  and ((credit = 'clearing:' || $2 and debit like 'paid:%') or (debit = 'clearing:' || $2 and credit like 'paid:%'));

-- name: load_open_references
-- Of a partner: each is compared once more, since it may agree by now.
select distinct reference from reconciliation_break where partner = $1 and state = 'open';

-- name: load_known_references
-- As the books have them now. A double payment is posted with a claim.
select asked.reference, a.amount as instructed, c.amount as contradicted, t.settled_at, t.returned_at,
    a.rejected_at is not null as rejected,
    exists (select from money_claim m where m.reference = asked.reference and m.reason = 'contradicted'
                                        and m.state <> 'withdrawn') as paid_besides,
    exists (select from statement s where s.partner = $1 and t.settled_at >= s.from_at and t.settled_at < s.until) as settlement_covered,
    exists (select from statement s where s.partner = $1 and t.returned_at >= s.from_at and t.returned_at < s.until) as return_covered
from unnest($2::text[]) as asked (reference)
left join attempt a on a.reference = asked.reference and a.partner = $1
left join disbursement d on (d.redeem_code, d.benefit) = (a.redeem_code, a.benefit) and d.reference = a.reference
cross join lateral (select coalesce(d.settled_at, a.settled_at) as settled_at, a.returned_at) as t
left join lateral (select max(c.amount) as amount from contradiction c
                   where c.reference = asked.reference and c.partner = $1 and c.status = 'settled') as c on true;

-- name: load_bookings
-- A line that several statements list with the partner's own reference is one booking; without it, each line is one.
select reference, kind, amount, booked_on, max(times) as times
from (select l.reference, l.kind, l.amount, l.booked_on, l.partner_reference, l.statement, count(*) as times
      from statement_line l join statement s on s.id = l.statement
      where l.reference = any($2::text[]) and s.partner = $1
      group by l.reference, l.kind, l.amount, l.booked_on, l.partner_reference, l.statement) as listed
group by reference, kind, amount, booked_on, partner_reference, case when partner_reference is null then statement end;

-- name: count_lines
-- Of a statement, by reference.
select reference, count(*) as lines from statement_line where statement = $1 and reference = any($2::text[]) group by reference;

-- name: load_breaks
-- All breaks of these references, whatever became of them.
select class, reference, instructed, reported, stated, number, state, first_seen_at
from reconciliation_break where partner = $1 and reference = any($2::text[]);

-- name: resolve_breaks
-- They are cured, or found with other amounts now.
update reconciliation_break b set state = 'resolved', ended_at = $5
from unnest($2::text[], $3::text[]::break_class[], $4::integer[]) as cured (reference, class, number)
where b.partner = $1 and (b.reference, b.class, b.number) = (cured.reference, cured.class, cured.number);

-- name: insert_breaks
-- As they were found; one that goes on with other amounts keeps its age.
insert into reconciliation_break (partner, class, reference, instructed, reported, stated, number, first_seen_at)
select $1, * from unnest($2::text[]::break_class[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::integer[], $8::timestamptz[]);

-- name: lock_break
-- Open, for persons to decide about.
select class, reference, instructed, reported, stated, number, state, first_seen_at
from reconciliation_break where partner = $1 and reference = $2 and class = $3::text::break_class and state = 'open' for update;

-- name: close_break
-- For ever; the table refuses any further change.
update reconciliation_break
set state = 'closed', ended_at = $5, who = $6, second = $7, why = $8, document = $9
where partner = $1 and reference = $2 and class = $3::text::break_class and number = $4;

-- name: view_breaks
-- The oldest first, for operators.
select partner, class, reference, instructed, reported, stated, state, first_seen_at, ended_at, who, second, why, document
from reconciliation_break
where state = $3::text::break_state and ($1::text is null or partner = $1) and ($2::text is null or class::text = $2)
order by first_seen_at, partner, reference, class limit $4;

-- name: count_open_breaks
-- For gauges.
select partner, class, count(*) as breaks, min(first_seen_at) as oldest
from reconciliation_break where state = 'open' group by partner, class;
