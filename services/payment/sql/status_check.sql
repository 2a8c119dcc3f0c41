-- name: take_status_checks
-- Those at partners still are scheduled again. The lanes are locked, so no other process takes the same.
delete from reminder where ctid = any(array(
    select ctid from reminder where partner = $2 and lane = any($1::smallint[]) and look_at <= $3 order by look_at limit $4))
returning redeem_codes;
