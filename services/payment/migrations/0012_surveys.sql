-- Why: a survey that is answered makes a benefit fall due, and like the incentive each such benefit is the participant's, once.
-- Locks disbursement while it reads it from end to end for the index: no payment is made meanwhile.
create table survey_answer (
    redeem_code text        not null,
    survey      text        not null check (survey ~ '^survey_[1-9][0-9]?$'),
    answered_at timestamptz not null,
    primary key (redeem_code, survey)
);
comment on table survey_answer is 'A survey that a participant answered, with the training that it belongs to; the first answer counts.';
create trigger survey_answers_are_append_only before update or delete or truncate on survey_answer
    for each statement execute function refuse_change();

create unique index one_of_each_benefit_per_participant on disbursement (participant_id, benefit)
    where payee = 'participant' and (attempt > 0 or cancelled_at is null);
drop index one_incentive_per_participant;
