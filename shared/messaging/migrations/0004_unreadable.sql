-- A lane that stands still at a record which cannot be read remembers where that lies and why, so that it can be read
-- again by a later version, or be passed. Lanes that stand still already go back to the first record that their parked
-- records tell of: this version reads larger ones, and what is known is dropped by its number.
-- Adds columns without a default: locks `position` for a moment and rewrites nothing; one look through `parked`.

alter table position
    add column unreadable_offset bigint,
    add column unreadable_why    text,
    add column pass_offset       bigint,
    add constraint unreadable_says_why check ((unreadable_offset is null) = (unreadable_why is null)),
    add constraint only_unreadable_passes check (pass_offset is null or pass_offset = unreadable_offset);
comment on column position.unreadable_offset is 'Where a record lies that has the next number and cannot be read: reading goes back to it when the lane is resumed.';
comment on column position.pass_offset is 'Two persons have let the record there pass: it is parked, and its number taken.';

update position p set unreadable_offset = u."offset", unreadable_why = u.why,
    next_offset = u."offset", last_offset = null, last_digest = null
from (select distinct on (topic, partition) topic, partition, "offset", rtrim(reason || ' ' || detail) as why from parked
      where reason in ('too_large', 'null_value', 'bad_envelope', 'unknown_type', 'too_deep', 'invalid_json',
                       'duplicate_key', 'invalid_field')
      order by topic, partition, "offset") u
where u.topic = p.topic and u.partition = p.partition and p.gap_since is not null and u."offset" < p.next_offset;
