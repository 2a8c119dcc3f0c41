-- name: load_evidence_keys
-- The keys that are known already.
select redeem_code, kind, part
from evidence join unnest($1::text[], $2::evidence_kind[], $3::bigint[]) as n (redeem_code, kind, part)
     using (redeem_code, kind, part);

-- name: load_evidence
-- All evidence of these enrollments.
select redeem_code, kind, part, happened_at, seen_at, source, id from evidence where redeem_code = any($1::text[]);

-- name: load_possibly_sufficient_evidence
-- All evidence of the enrollments that have as many pieces as their rule demands; most have fewer.
select redeem_code, kind, part, happened_at, seen_at, source, id from evidence
where redeem_code = any(array(
    select redeem_code from evidence join unnest($1::text[], $2::int[]) as n (redeem_code, demands) using (redeem_code)
    group by redeem_code, demands having count(*) >= demands));

-- name: count_orphaned_evidence
-- Evidence without a confirmed enrollment; there must be none.
select count(*) from evidence v
where not exists (select from enrollment e where e.redeem_code = v.redeem_code and e.state <> 'rejected');
