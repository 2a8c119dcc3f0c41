-- name: note_voids
-- Of undecided purchases: the void acts once they are confirmed.
update enrollment e set voided_at = n.voided_at, void_reason = n.reason
from unnest($1::text[], $2::timestamptz[], $3::text[]) as n (redeem_code, voided_at, reason)
where e.redeem_code = n.redeem_code and e.state = 'undecided';

-- name: void_enrollments
-- Of confirmed enrollments; a trigger refuses any other.
update enrollment e set state = 'voided', voided_at = n.voided_at, void_reason = n.reason, decided_at = $1,
    void_carried_by = n.carried_by
from unnest($2::text[], $3::timestamptz[], $4::text[], $5::bigint[]) as n (redeem_code, voided_at, reason, carried_by)
where e.redeem_code = n.redeem_code;
