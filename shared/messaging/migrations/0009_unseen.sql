-- Why: a process that was frozen may say something late, after a restored one has begun to publish. It then stands before
-- the record noted last, where nobody would look. Between what is noted and what follows nothing may stand; what does is
-- looked at.
-- Locks publication for a moment; the columns begin empty.
alter table publication add column unseen_from bigint, add column unseen_to bigint;
comment on column publication.unseen_from is 'From here on, up to unseen_to, records stand among ours that this process did not write. Null: none.';
