-- Why: an acceptance or a settlement is explained for years with the id of the event that announced it. Its number at the
-- end of the disbursement's row nearly doubled the log of each report, so it is kept by the batch, in runs of numbers.
-- Adds an empty table and a column that is empty: of reports and erasures before this no event is recorded.
alter table erasure add column caused_by bigint;
comment on column erasure.caused_by is 'The number of the event on enrollment.events; null: known from our own topic alone, or of before this.';

create table announced_answer (
    at           timestamptz not null,
    first_number bigint      not null,
    lane         smallint    not null,
    answered     text[]      not null
);
create index announced_answer_by_time on announced_answer using brin (at);
create trigger announced_answers_are_append_only before delete or update or truncate on announced_answer
    for each statement execute function refuse_change();
comment on table announced_answer is 'Events on payment.events that announced what partners accepted or settled: a row per run of numbers in one transaction.';
comment on column announced_answer.first_number is 'The number of the first event; the others follow it without a gap.';
comment on column announced_answer.answered is 'The references that the events are about, in the order of their numbers.';
