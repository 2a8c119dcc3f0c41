-- What the migrations of services.completion add up to. Generated: change the migrations instead.

create type enrollment_state as enum ('open', 'completed', 'not_completed', 'rejected', 'voided', 'revoked');
create type evidence_kind as enum ('session_attended', 'post_test_taken', 'work_graded', 'certificate_issued', 'training_rated');

create table deadline (
    due_at       timestamp with time zone not null,
    lane         smallint                 not null,
    redeem_codes text[]                   not null
);
CREATE INDEX deadline_by_time ON deadline USING btree (lane, due_at);
comment on table deadline is 'Midnight in Jakarta after which what is missing is missing for ever: a row per lane, date and transaction, not one per enrollment.';

create table enrollment (
    redeem_code           text                     not null,
    participant_id        text                     not null,
    lane                  smallint                 not null,
    provider_id           text,
    scheme                text,
    scheme_version        integer,
    rule                  json,
    known_at              timestamp with time zone not null,
    state                 enrollment_state         not null,
    decided_at            timestamp with time zone,
    completed_at          timestamp with time zone,
    digest                bytea,
    reopened_at           timestamp with time zone,
    caused_by             bigint,
    void_caused_by        bigint,
    carried_by            bigint,
    reopening_carried_by  bigint,
    revocation_carried_by bigint,
    constraint enrollment_pkey PRIMARY KEY (redeem_code),
    constraint only_the_completed_are_completed CHECK ((num_nulls(completed_at, digest) = CASE WHEN ((state)::text = ANY (ARRAY['completed'::text, 'revoked'::text])) THEN 0 ELSE 2 END)),
    constraint only_the_open_are_undecided CHECK (((state = 'open'::enrollment_state) = (decided_at IS NULL))),
    constraint only_the_rejected_have_no_terms CHECK (((state = 'rejected'::enrollment_state) = ((provider_id IS NULL) AND (scheme IS NULL) AND (scheme_version IS NULL) AND (rule IS NULL)))),
    constraint terms_come_whole CHECK ((num_nulls(provider_id, scheme, scheme_version, rule) = ANY (ARRAY[0, 4])))
);
CREATE INDEX enrollment_by_participant ON enrollment USING btree (participant_id);
CREATE TRIGGER enrollment_is_final AFTER UPDATE ON enrollment FOR EACH ROW WHEN (
        CASE old.state
            WHEN 'open'::enrollment_state THEN ((new.state = 'revoked'::enrollment_state) OR (new.reopened_at IS NOT NULL))
            WHEN 'not_completed'::enrollment_state THEN
            CASE new.state
                WHEN 'not_completed'::enrollment_state THEN ((old.void_caused_by IS NOT NULL) OR ((old.decided_at IS DISTINCT FROM new.decided_at) OR (old.carried_by IS DISTINCT FROM new.carried_by)) OR (new.reopened_at IS NOT NULL))
                WHEN 'completed'::enrollment_state THEN ((old.void_caused_by IS NOT NULL) OR (new.reopened_at IS NULL) OR (old.decided_at IS DISTINCT FROM new.decided_at))
                ELSE true
            END
            WHEN 'completed'::enrollment_state THEN ((new.state <> 'revoked'::enrollment_state) OR ((((old.decided_at IS DISTINCT FROM new.decided_at) OR (old.completed_at IS DISTINCT FROM new.completed_at)) OR (old.digest IS DISTINCT FROM new.digest)) OR (old.reopened_at IS DISTINCT FROM new.reopened_at)))
            ELSE true
        END) EXECUTE FUNCTION keep_final();
CREATE TRIGGER enrollment_is_kept BEFORE DELETE ON enrollment FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table enrollment is 'One place in one training, the rule it carries, and whether it was completed. One row, one completion.';
comment on column enrollment.rule is 'What completes it, as the enrollment service confirmed it: sessions (sequence, proof, starts_at, ends_at), post_test,
graded, certificate, whole_span, evidence_days, complete_within_days, sessions_at_least.';
comment on column enrollment.digest is 'SHA-256 of what completion_confirmed said, the digest left out.';
comment on column enrollment.reopened_at is 'When two persons completed it by evidence that had come after it was rejected; decided_at is the rejection''s.';
comment on column enrollment.caused_by is 'The number of the event on enrollment.events that confirmed or rejected it.';
comment on column enrollment.void_caused_by is 'The number of the event on enrollment.events that voided it while it was open, or after its rejection.';
comment on column enrollment.carried_by is 'The number of the event on completion.events that announced its outcome; of a reopened one the rejection''s.';
comment on column enrollment.reopening_carried_by is 'The number of the event on completion.events that announced its completion after a rejection.';
comment on column enrollment.revocation_carried_by is 'The number of the event on completion.events that announced that its completion was revoked.';

create table evidence (
    happened_at timestamp with time zone not null,
    seen_at     timestamp with time zone not null,
    part        bigint                   not null,
    kind        evidence_kind            not null,
    redeem_code text                     not null,
    source      text                     not null,
    id          text                     not null,
    carried_by  bigint,
    constraint evidence_pkey PRIMARY KEY (redeem_code, kind, part),
    constraint evidence_part_check CHECK ((part >= 0))
);
CREATE TRIGGER evidence_is_decided BEFORE DELETE ON evidence FOR EACH ROW EXECUTE FUNCTION keep_decided();
CREATE TRIGGER evidence_is_kept BEFORE UPDATE ON evidence FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table evidence is 'Facts that count, the first of each business key. What does not count leaves no row.';
comment on column evidence.seen_at is 'When it was accepted.';
comment on column evidence.part is 'The number of the session, the time of a test or of graded work in microseconds, 0 for what exists once.';
comment on column evidence.carried_by is 'The number of the event on completion.events that announced it; null: only ratings are announced.';

create table revocation (
    revoked_at      timestamp with time zone not null,
    seen_at         timestamp with time zone not null,
    on_attendance   boolean                  not null,
    ends_completion boolean                  not null,
    redeem_code     text                     not null,
    source          text                     not null,
    id              text                     not null,
    reason          text                     not null,
    constraint revocation_pkey PRIMARY KEY (redeem_code, on_attendance, source, id)
);
CREATE TRIGGER revocation_is_kept BEFORE DELETE OR UPDATE ON revocation FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table revocation is 'Events that report no evidence any more, whether they came before or come later.';
comment on column revocation.on_attendance is 'True: the event stands on the topic of attendance, else on that of evidence.';
comment on column revocation.ends_completion is 'True of the one that left too little evidence for a completion.';

create table spare (
    happened_at timestamp with time zone not null,
    seen_at     timestamp with time zone not null,
    part        bigint                   not null,
    kind        evidence_kind            not null,
    redeem_code text                     not null,
    source      text                     not null,
    id          text                     not null,
    constraint spare_pkey PRIMARY KEY (redeem_code, kind, part, source, id),
    constraint evidence_part_check CHECK ((part >= 0))
);
CREATE TRIGGER spare_is_decided BEFORE DELETE ON spare FOR EACH ROW EXECUTE FUNCTION keep_decided();
CREATE TRIGGER spare_is_kept BEFORE UPDATE ON spare FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table spare is 'Accepted facts that do not count: repeats of a business key by other events, what came after the decision, and what was revoked.';
comment on column spare.seen_at is 'When it was accepted.';

create table survey (
    answered_at    timestamp with time zone not null,
    seen_at        timestamp with time zone not null,
    survey         smallint                 not null,
    participant_id text                     not null,
    redeem_code    text                     not null,
    source         text                     not null,
    id             text                     not null,
    carried_by     bigint,
    constraint survey_pkey PRIMARY KEY (participant_id, survey)
);
CREATE TRIGGER survey_is_kept BEFORE DELETE OR UPDATE ON survey FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table survey is 'Surveys answered, the first answer of each participant to each, with the training that it names.';
comment on column survey.seen_at is 'When it was accepted.';
comment on column survey.carried_by is 'The number of the event on completion.events that announced it.';

create table tally (
    lane        smallint         not null,
    state       enrollment_state not null,
    enrollments bigint           not null,
    constraint tally_pkey PRIMARY KEY (lane, state),
    constraint tally_enrollments_check CHECK ((enrollments >= 0))
);
comment on table tally is 'How many enrollments of each lane ever came to be in which state, so that nobody has to count them; reopened ones leave not_completed.';

CREATE OR REPLACE FUNCTION keep_decided()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin
    if exists (select from enrollment where redeem_code = old.redeem_code and state in ('open', 'not_completed')) then
        return old;
    end if;
    raise exception 'what % holds is final', tg_table_name using errcode = 'restrict_violation';
end $function$;

CREATE OR REPLACE FUNCTION keep_final()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin raise exception 'what % holds is final', tg_table_name using errcode = 'restrict_violation'; end $function$;
