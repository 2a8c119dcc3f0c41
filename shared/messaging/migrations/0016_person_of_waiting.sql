-- Why: what an erasure ends has to be found among millions of deferred records. Only few of them hold a seal, or come from
-- `parked`, and have a person; what was deferred before has none, and ends within its wait.
alter table waiting add column person text;
comment on column waiting.person is 'Whom the record is about, if it holds a seal or is replayed: an erasure ends it. Null: it holds nothing personal.';
create index waiting_of_person on waiting (person) where person is not null;
