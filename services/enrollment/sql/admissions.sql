-- name: load_admissions
-- All decisions about these participants, in any wave.
select participant_id, wave, lane, reason, scheme, scheme_version, balance, regency, admitted_at, identity_index, content_digest
from admission where participant_id = any($1::text[]);
