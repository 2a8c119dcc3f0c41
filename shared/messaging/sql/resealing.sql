-- name: keeps_parked_bytes
-- Asked before keys are read to reseal them.
select exists (select from parked where sealed <> '');

-- name: load_parked_to_reseal
-- Sealed under another key than this prefix tells, or before anybody asked whom they are about. What lies under a destroyed key stays.
select p.id, p.sealed, k.secret from parked p left join personal_key k using (person)
where p.id > $1 and p.sealed <> '' and (p.person is null or not starts_with(p.sealed, $2))
  and (k.person is null or k.secret is not null)
order by p.id limit $3;

-- name: replace_parked_seals
-- The same bytes under another key. Done by `migrate` as the owner; the service itself may not.
update parked p set sealed = new.sealed, person = new.person
from unnest($1::bigint[], $2::text[], $3::text[]) as new (id, sealed, person) where p.id = new.id;

-- name: count_parked_by_key
-- By the beginning of the token. What no key opens any more, since its person was erased, keeps no key in its set.
select split_part(p.sealed, '..', 1) as header, count(*)::bigint as number
from parked p left join personal_key k using (person)
where p.sealed <> '' and (k.person is null or k.secret is not null)
group by 1;

-- name: load_deferred_of_topics
-- Deferred records of these topics, in order.
select id, record from waiting where id > $1 and topic = any($2::text[]) order by id limit $3;

-- name: load_replayable_of_topics
-- Open parked records of these topics whose bytes are kept, in order.
select p.id, p.sealed, k.secret
from parked p left join personal_key k using (person)
where p.id > $1 and p.topic = any($2::text[]) and p.replayed_at is null and p.closed_at is null and p.sealed <> ''
  and (k.person is null or k.secret is not null)
order by p.id limit $3;

-- name: load_page_events
-- All pages that are kept of a topic.
select events from page where topic = $1;
