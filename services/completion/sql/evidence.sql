-- name: load_known_events
-- The events that hold these business keys; and, without a key, the revoked events of these enrollments.
select redeem_code, kind, part, null::boolean as on_attendance, source, id
from evidence join unnest($1::text[], $2::evidence_kind[], $3::bigint[]) as n (redeem_code, kind, part)
     using (redeem_code, kind, part)
union all
select redeem_code, null, null, on_attendance, source, id from revocation where redeem_code = any($1::text[]);

-- name: load_evidence
-- All evidence of these enrollments.
select redeem_code, kind, part, happened_at, seen_at, source, id from evidence where redeem_code = any($1::text[]);

-- name: load_spares
-- All spares of these enrollments.
select redeem_code, kind, part, happened_at, seen_at, source, id from spare where redeem_code = any($1::text[]);

-- name: load_possibly_sufficient_evidence
-- All evidence of the enrollments that have as many pieces as their rule demands; most have fewer.
select redeem_code, kind, part, happened_at, seen_at, source, id from evidence
where redeem_code = any(array(
    select redeem_code from evidence join unnest($1::text[], $2::int[]) as n (redeem_code, demands) using (redeem_code)
    group by redeem_code, demands having count(*) >= demands));

-- name: insert_spares
-- The same event again changes nothing, and so does a further one of a business key that has as many as are kept, not counting
-- those that were revoked. The caller has locked the lanes, so no other transaction adds to the keys.
insert into spare (redeem_code, kind, part, happened_at, seen_at, source, id)
select redeem_code, kind, part, happened_at, seen_at, source, id
from (select *, row_number() over (partition by redeem_code, kind, part order by place) as rank
      from (select distinct on (redeem_code, kind, part, source, id) * from unnest(
                $1::text[], $2::evidence_kind[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[])
                with ordinality as n (redeem_code, kind, part, happened_at, seen_at, source, id, place)
            order by redeem_code, kind, part, source, id, place) as events
      where not exists (select from spare s where (s.redeem_code, s.kind, s.part, s.source, s.id)
          = (events.redeem_code, events.kind, events.part, events.source, events.id))) as further
where rank + (select count(*) from spare s
              where (s.redeem_code, s.kind, s.part) = (further.redeem_code, further.kind, further.part)
                  and not exists (select from revocation r where (r.redeem_code, r.on_attendance, r.source, r.id)
                      = (s.redeem_code, s.kind = 'session_attended', s.source, s.id))) <= $8;

-- name: demote_evidence
-- Makes revoked evidence a spare. The database refuses it once the enrollment is decided.
with ended as (
    delete from evidence e using unnest($1::text[], $2::evidence_kind[], $3::bigint[]) as n (redeem_code, kind, part)
    where e.redeem_code = n.redeem_code and e.kind = n.kind and e.part = n.part returning e.*)
insert into spare (redeem_code, kind, part, happened_at, seen_at, source, id)
select redeem_code, kind, part, happened_at, seen_at, source, id from ended;

-- name: promote_spares
-- Makes spares evidence of business keys that nothing holds any more.
with promoted as (
    delete from spare s
    using unnest($1::text[], $2::evidence_kind[], $3::bigint[], $4::text[], $5::text[]) as n (redeem_code, kind, part, source, id)
    where s.redeem_code = n.redeem_code and s.kind = n.kind and s.part = n.part and s.source = n.source and s.id = n.id
    returning s.*)
insert into evidence (redeem_code, kind, part, happened_at, seen_at, source, id)
select redeem_code, kind, part, happened_at, seen_at, source, id from promoted;

-- name: count_orphaned_facts
-- Evidence, spares and revocations without a confirmed enrollment; there must be none.
select count(*) from (
    select redeem_code from evidence union all select redeem_code from spare union all select redeem_code from revocation) v
where not exists (select from enrollment e where e.redeem_code = v.redeem_code and e.state <> 'rejected');
