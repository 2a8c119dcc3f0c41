-- name: load_admissions
-- All decisions about these participants, in any wave, with its cut-off. Nearly nobody has forfeited anything.
select participant_id, wave, lane, reason, a.scheme, scheme_version, balance, regency, admitted_at, identity_index, content_digest,
       cut_off_at, exists (select from forfeit f where f.participant_id = a.participant_id) as has_forfeited
from admission a left join wave using (wave) where participant_id = any($1::text[]);
