-- name: deadlines_between
-- Deadlines that the clock would pass between the two times: deferred records and trainings that would expire. Status
-- requests and retries are left out, since they decide nothing.
select service, kind, count from (
    select 'enrollment' as service, 'waiting records' as kind, count(*)::bigint from enrollment.waiting where due > $1 and due <= $2
    union all
    select 'completion', 'waiting records', count(*) from completion.waiting where due > $1 and due <= $2
    union all
    select 'payment', 'waiting records', count(*) from payment.waiting where due > $1 and due <= $2
    union all
    select 'completion', 'trainings not completed', count(*)
    from (select unnest(redeem_codes) as redeem_code from completion.deadline where due_at > $1 and due_at <= $2) as due
    join completion.enrollment using (redeem_code) where state = 'open'
) as found where count > 0 order by service, kind;
