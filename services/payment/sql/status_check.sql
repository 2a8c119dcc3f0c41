-- name: take_status_checks
-- What is due; whoever is still under way is reminded of again. The lanes are locked, so nobody else takes them.
delete from reminder where ctid = any(array(
    select ctid from reminder where partner = $2 and lane = any($1::smallint[]) and look_at <= $3 order by look_at limit $4))
returning redeem_codes;
