-- name: deadlines_between
-- What the clock would decide if it went from the first time to the second: records that would have waited in vain, and
-- trainings that would be given up. Status questions and retries are no such things: they decide nothing.
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
