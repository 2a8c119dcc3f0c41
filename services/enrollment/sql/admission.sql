-- name: load_admissions
-- All that was decided about these people, in whatever wave.
select participant_id, wave, lane, reason, scheme, scheme_version, balance, regency, admitted_at, identity_index, content_digest
from admission where participant_id = any($1::text[]);

-- name: insert_admissions
-- Written once and never changed.
insert into admission (participant_id, wave, lane, state, reason, scheme, scheme_version, balance, regency,
                       admitted_at, decided_at, identity_index, content_digest)
select participant_id, wave, lane, state, reason, scheme, scheme_version, balance, regency,
       admitted_at, $1, identity_index, content_digest
from unnest($2::text[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::int[], $9::bigint[],
            $10::text[], $11::timestamptz[], $12::bytea[], $13::bytea[])
     as n (participant_id, wave, lane, state, reason, scheme, scheme_version, balance, regency,
           admitted_at, identity_index, content_digest);
