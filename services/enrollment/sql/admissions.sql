-- name: load_admissions
-- All decisions about these participants, in any wave, with its cut-off.
select participant_id, wave, lane, reason, a.scheme, scheme_version, balance, regency, admitted_at, identity_index, content_digest,
       cut_off_at
from admission a left join wave using (wave) where participant_id = any($1::text[]);
