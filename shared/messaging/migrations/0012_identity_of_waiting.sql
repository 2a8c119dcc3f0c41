-- Why: what waited before 0008 has no digest, so a repeat of it took a second place, and once it is sealed anew it is not
-- known by its words any more. Of each the first gets the digest it came with; what was identical then keeps its place.
-- Reads what waits without a digest once and writes it: locks those rows, some seconds for 100,000 of them. A record is
-- taken apart as text, since the names of its headers are the sender's and may be more than Postgres' JSON bears.
update waiting w set digest = came.digest
from (select distinct on (kind, key, owner, digest) id, kind, key, owner, digest
      from (select id, kind, key, owner, substring(sha256(
                   decode(split_part(split_part(packed, '["ce_type","', 2), '"]', 1), 'base64') || '\x00'
                   || decode(trim('"' from nullif(value, 'null')), 'base64')) for 16) as digest
            from (select id, kind, key, owner, packed,
                         split_part(split_part(packed, ',"value":', 2), ',"headers":', 1) as value
                  from (select id, kind, key, owner, convert_from(record, 'UTF8') as packed from waiting
                        where digest is null and kind not in ('lane', 'replay')) as unknown) as parted) as known
      where digest is not null
      order by kind, key, owner, digest, id) as came
where w.id = came.id
  and not exists (select from waiting o where (o.kind, o.key, o.owner, o.digest) = (came.kind, came.key, came.owner, came.digest));
