-- Why: a decision is explained for years with the id of the event that carried it; its number is kept, the era stands in `era`.
-- Locks each table for a moment; the columns begin empty: of decisions before this no event is recorded.
alter table admission add column carried_by bigint;
alter table account add column carried_by bigint;
alter table block add column carried_by bigint;
alter table enrollment add column carried_by bigint, add column void_carried_by bigint;
comment on column admission.carried_by is 'The number of the event on enrollment.events that announced it.';
comment on column account.carried_by is 'The number of the event on enrollment.events that announced it.';
comment on column block.carried_by is 'The number of the event on enrollment.events that announced it; null: it was not the latest.';
comment on column enrollment.carried_by is 'The number of the event on enrollment.events that announced that it was confirmed or rejected.';
comment on column enrollment.void_carried_by is 'The number of the event on enrollment.events that announced its void.';
