-- name: take_monthly_dues
-- The caller has locked the lanes, so no other process takes the same.
with due as (
    select redeem_code, benefit from monthly_due
    where lane = any($1::smallint[]) and due_at <= $2 order by due_at, redeem_code, benefit limit $3),
taken as (
    delete from monthly_due m using due where (m.redeem_code, m.benefit) = (due.redeem_code, due.benefit)
    returning m.redeem_code, m.benefit)
select e.participant_id, t.redeem_code, t.benefit from taken t join enrollment e using (redeem_code);
