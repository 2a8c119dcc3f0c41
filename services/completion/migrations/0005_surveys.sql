-- Why: answered surveys are announced once per participant. Locks nothing: the table is new.
create table survey (
    answered_at     timestamptz not null,
    seen_at         timestamptz not null,
    survey          smallint    not null,
    participant_id  text        not null,
    redeem_code     text        not null,
    source          text        not null,
    id              text        not null,
    primary key (participant_id, survey)
);
create trigger survey_is_kept before update or delete on survey for each row execute function keep_final();
comment on table survey is 'Surveys answered, the first answer of each participant to each, with the training that it names.';
comment on column survey.seen_at is 'When it was accepted.';
