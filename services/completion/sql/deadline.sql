-- name: take_deadlines
-- The longest overdue first. The lanes are locked, so nobody else takes them.
delete from deadline where ctid = any(array(
    select ctid from deadline where lane = any($1::smallint[]) and due_at <= $2 order by due_at limit $3))
returning redeem_codes;

-- name: load_without_deadline
-- Whatever is open is given up one day; there are none that are not.
select redeem_code from enrollment where state = 'open' except select unnest(redeem_codes) from deadline;
