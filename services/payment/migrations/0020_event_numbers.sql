-- Why: a decision is explained for years with the ids of the events that caused and carried it; their numbers are kept, the eras
-- stand in `era`. A hold that ended stood nowhere any more: now each that was announced is a row.
-- Locks each table for a moment; the columns begin empty: of decisions before this no event is recorded.
alter table account add column caused_by bigint;
alter table block add column block_caused_by bigint, add column unblock_caused_by bigint;
alter table survey_answer add column caused_by bigint;
alter table enrollment add column caused_by bigint, add column completion_caused_by bigint, add column rating_caused_by bigint,
    add column void_caused_by bigint, add column revocation_caused_by bigint;
alter table disbursement add column carried_by bigint, add column state_carried_by bigint;
alter table attempt add column carried_by bigint, add column rejection_carried_by bigint;
alter table money_claim add column carried_by bigint, add column closing_carried_by bigint;
comment on column account.caused_by is 'The number of the event on enrollment.events.';
comment on column block.block_caused_by is 'The number of the event on enrollment.events; so is unblock_caused_by.';
comment on column survey_answer.caused_by is 'The number of the event on completion.events.';
comment on column enrollment.caused_by is 'The number of the event on enrollment.events that confirmed it; so is void_caused_by of the void.';
comment on column enrollment.completion_caused_by is 'The number of the event on completion.events; so are rating_caused_by and revocation_caused_by.';
comment on column disbursement.carried_by is 'The number of the event on payment.events that announced that it fell due.';
comment on column disbursement.state_carried_by is 'The number of the event on payment.events that announced its state last.';
comment on column attempt.carried_by is 'The number of the event on payment.events that announced it; the instruction itself has the reference.';
comment on column attempt.rejection_carried_by is 'The number of the event on payment.events that announced its rejection.';
comment on column money_claim.carried_by is 'The number of the event on payment.events that announced it; closing_carried_by: how it ended.';

create table hold (
    held_at     timestamptz not null,
    carried_by  bigint,
    reason      hold_reason not null,
    redeem_code text        not null,
    benefit     text        not null,
    partner     text
);
create index hold_by_training on hold (redeem_code);
create trigger holds_are_append_only before delete or update or truncate on hold for each statement execute function refuse_change();
comment on table hold is 'Each hold of a disbursement that was announced, for whatever reason it ended.';
