-- Why: a decision is explained for years with the ids of the events that caused and carried it; their numbers are kept, the eras
-- stand in `era`. Locks each table for a moment; the columns begin empty: of decisions before this no event is recorded.
alter table enrollment add column caused_by bigint, add column void_caused_by bigint, add column carried_by bigint,
    add column reopening_carried_by bigint, add column revocation_carried_by bigint;
alter table evidence add column carried_by bigint;
alter table survey add column carried_by bigint;
comment on column enrollment.caused_by is 'The number of the event on enrollment.events that confirmed or rejected it.';
comment on column enrollment.void_caused_by is 'The number of the event on enrollment.events that voided it while it was open.';
comment on column enrollment.carried_by is 'The number of the event on completion.events that announced its outcome; of a reopened one the rejection''s.';
comment on column enrollment.reopening_carried_by is 'The number of the event on completion.events that announced its completion after a rejection.';
comment on column enrollment.revocation_carried_by is 'The number of the event on completion.events that announced that its completion was revoked.';
comment on column evidence.carried_by is 'The number of the event on completion.events that announced it; null: only ratings are announced.';
comment on column survey.carried_by is 'The number of the event on completion.events that announced it.';
