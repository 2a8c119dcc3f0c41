-- What the migrations of services.enrollment add up to. Generated: change the migrations instead.

create table account (
    participant_id text                     not null,
    lane           smallint                 not null,
    partner        text                     not null,
    verified       boolean                  not null,
    linked_at      timestamp with time zone not null,
    content_digest bytea                    not null,
    same_identity  boolean,
    sealed         text,
    identity_index bytea,
    carried_by     bigint,
    constraint account_pkey PRIMARY KEY (participant_id),
    constraint announced_or_kept CHECK ((((same_identity IS NULL) = (sealed IS NOT NULL)) AND ((same_identity IS NULL) = (identity_index IS NOT NULL))))
);
CREATE INDEX account_kept ON account USING btree (participant_id) WHERE (sealed IS NOT NULL);
comment on table account is 'The account linked last. Of somebody refused it is kept, still sealed, until an admission announces it.';
comment on column account.sealed is 'Under this service''s own key, for this person, partner and time. Empty once the person was erased; so is identity_index.';
comment on column account.carried_by is 'The number of the event on enrollment.events that announced it.';

create table admission (
    participant_id text                     not null,
    wave           text                     not null,
    lane           smallint                 not null,
    state          text                     not null,
    reason         text,
    scheme         text                     not null,
    scheme_version integer                  not null,
    balance        bigint,
    regency        text                     not null,
    admitted_at    timestamp with time zone not null,
    decided_at     timestamp with time zone not null,
    identity_index bytea,
    content_digest bytea                    not null,
    carried_by     bigint,
    constraint admission_pkey PRIMARY KEY (participant_id, wave),
    constraint a_refusal_has_its_reason CHECK (((state = 'refused'::text) = (reason IS NOT NULL))),
    constraint admission_balance_check CHECK ((balance > 0)),
    constraint admission_reason_check CHECK ((reason = ANY (ARRAY['nik_invalid'::text, 'nik_already_admitted'::text, 'age_out_of_range'::text, 'wave_closed'::text, 'wave_full'::text]))),
    constraint admission_state_check CHECK ((state = ANY (ARRAY['admitted'::text, 'refused'::text]))),
    constraint only_the_admitted_are_remembered CHECK (((state = 'admitted'::text) = (identity_index IS NOT NULL))),
    constraint only_the_admitted_have_a_balance CHECK (((state = 'admitted'::text) = (balance IS NOT NULL)))
);
CREATE UNIQUE INDEX admission_once ON admission USING btree (participant_id) WHERE (state = 'admitted'::text);
CREATE TRIGGER admission_is_final BEFORE DELETE OR UPDATE ON admission FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table admission is 'What was decided about a person and a wave, under which version of which scheme.';
comment on column admission.balance is 'Rupiah granted for trainings; what is left is this less the prices of confirmed enrollments.';
comment on column admission.identity_index is 'Keyed index of the NIK: comparing it with an account''s is all it is for.';
comment on column admission.carried_by is 'The number of the event on enrollment.events that announced it.';

create table block (
    participant_id text                     not null,
    at             timestamp with time zone not null,
    blocked        boolean                  not null,
    lane           smallint                 not null,
    reason         text                     not null,
    carried_by     bigint,
    constraint block_pkey PRIMARY KEY (participant_id, at, blocked)
);
CREATE TRIGGER block_is_final BEFORE DELETE OR UPDATE ON block FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table block is 'A block of a participant or, where `blocked` is false, an unblock, never changed. The latest counts.';
comment on column block.carried_by is 'The number of the event on enrollment.events that announced it; null: it was not the latest.';

create table course (
    course_code   text    not null,
    version       integer not null,
    provider_id   text    not null,
    modes         text[]  not null,
    price_at_most bigint  not null,
    hours         integer not null,
    constraint course_pkey PRIMARY KEY (course_code, version),
    constraint course_hours_check CHECK ((hours > 0)),
    constraint course_modes_check CHECK ((cardinality(modes) > 0)),
    constraint course_price_at_most_check CHECK ((price_at_most > 0)),
    constraint course_version_check CHECK ((version > 0))
);
CREATE TRIGGER course_is_final BEFORE DELETE OR UPDATE ON course FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table course is 'A version of the approval of a course, never changed. The highest version counts.';

create table enrollment (
    redeem_code     text                     not null,
    participant_id  text                     not null,
    lane            smallint                 not null,
    state           text                     not null,
    reason          text,
    scheme          text,
    scheme_version  integer,
    provider_id     text                     not null,
    course_code     text                     not null,
    price           bigint                   not null,
    purchased_at    timestamp with time zone not null,
    ends_at         timestamp with time zone not null,
    decided_at      timestamp with time zone not null,
    completed_at    timestamp with time zone,
    rated_at        timestamp with time zone,
    content_digest  bytea                    not null,
    due_at          timestamp with time zone,
    purchase        bytea,
    trace           text,
    course_version  integer,
    revoked_at      timestamp with time zone,
    voided_at       timestamp with time zone,
    void_reason     text,
    carried_by      bigint,
    void_carried_by bigint,
    reopened_at     timestamp with time zone,
    constraint enrollment_pkey PRIMARY KEY (redeem_code),
    constraint a_scheme_unless_nobody_was_admitted CHECK (((scheme IS NULL) = (scheme_version IS NULL))),
    constraint a_voided_one_says_when_and_why CHECK ((((state <> 'voided'::text) OR (voided_at IS NOT NULL)) AND ((voided_at IS NULL) = (void_reason IS NULL)))),
    constraint enrollment_price_check CHECK ((price > 0)),
    constraint enrollment_reason_check CHECK ((reason = ANY (ARRAY['not_admitted'::text, 'participant_blocked'::text, 'first_purchase_late'::text, 'next_purchase_late'::text, 'previous_not_completed'::text, 'balance_insufficient'::text, 'course_not_approved'::text, 'price_above_approved'::text, 'hours_too_few'::text, 'class_too_large'::text, 'mode_not_allowed'::text, 'region_not_open'::text]))),
    constraint enrollment_state_check CHECK ((state = ANY (ARRAY['undecided'::text, 'confirmed'::text, 'rejected'::text, 'voided'::text]))),
    constraint only_the_confirmed_are_completed CHECK (((state = ANY (ARRAY['confirmed'::text, 'voided'::text])) OR ((completed_at IS NULL) AND (rated_at IS NULL) AND (revoked_at IS NULL)))),
    constraint only_the_rejected_have_a_reason CHECK (((state = ANY (ARRAY['confirmed'::text, 'voided'::text])) = (reason IS NULL))),
    constraint only_the_undecided_are_due CHECK (((state = 'undecided'::text) = (due_at IS NOT NULL))),
    constraint only_the_undecided_are_kept_whole CHECK (((state = 'undecided'::text) = (purchase IS NOT NULL)))
);
CREATE INDEX enrollment_by_participant ON enrollment USING btree (participant_id);
CREATE INDEX enrollment_due ON enrollment USING btree (lane, due_at) WHERE (state = 'undecided'::text);
CREATE INDEX enrollment_without_course ON enrollment USING btree (lane, course_code) WHERE ((state = 'undecided'::text) AND (reason = 'course_not_approved'::text));
CREATE TRIGGER enrollment_is_final AFTER UPDATE ON enrollment FOR EACH ROW WHEN (((old.state <> 'undecided'::text) AND ((((old.reason IS DISTINCT FROM new.reason) OR (old.price IS DISTINCT FROM new.price)) OR (old.participant_id IS DISTINCT FROM new.participant_id)) OR (old.content_digest IS DISTINCT FROM new.content_digest)))) EXECUTE FUNCTION keep_final();
CREATE TRIGGER enrollment_state_is_final AFTER UPDATE ON enrollment FOR EACH ROW WHEN (((old.state <> new.state) AND ((((old.state <> 'undecided'::text) OR (new.state <> 'confirmed'::text)) AND ((old.state <> 'undecided'::text) OR (new.state <> 'rejected'::text))) AND ((old.state <> 'confirmed'::text) OR (new.state <> 'voided'::text))))) EXECUTE FUNCTION keep_final();
CREATE TRIGGER enrollment_void_is_final AFTER UPDATE ON enrollment FOR EACH ROW WHEN (((old.voided_at IS NOT NULL) AND ((old.voided_at IS DISTINCT FROM new.voided_at) OR (old.void_reason IS DISTINCT FROM new.void_reason)))) EXECUTE FUNCTION keep_final();
comment on table enrollment is 'One purchased place in one training. Undecided: will be rejected when due, for the reason given, unless what is still to be read says otherwise.';
comment on column enrollment.decided_at is 'When it came to be in this state.';
comment on column enrollment.purchase is 'The event as it came, until it is decided; it holds no personal data.';
comment on column enrollment.course_version is 'The version of the course that was approved when it came to be in this state; null: none was known.';
comment on column enrollment.voided_at is 'When the platform took the purchase back; of an undecided one it is noted, and acts once that is confirmed.';
comment on column enrollment.void_reason is 'As the platform gave it.';
comment on column enrollment.carried_by is 'The number of the event on enrollment.events that announced that it was confirmed or rejected.';
comment on column enrollment.void_carried_by is 'The number of the event on enrollment.events that announced its void.';
comment on column enrollment.reopened_at is 'When two persons let it be completed after it had been rejected: the deadline for the next purchase runs from then.';

create table erasure (
    participant_id text                     not null,
    lane           smallint                 not null,
    erased_at      timestamp with time zone not null,
    carried_by     bigint,
    constraint erasure_pkey PRIMARY KEY (participant_id)
);
CREATE TRIGGER erasure_is_final BEFORE DELETE OR UPDATE ON erasure FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table erasure is 'A participant who was erased, for ever: no account of theirs is kept or announced any more.';
comment on column erasure.carried_by is 'The number of the event on enrollment.events that announced it; null: it was announced before a restore.';

create table forfeit (
    participant_id text                     not null,
    falls_at       timestamp with time zone not null,
    lane           smallint                 not null,
    wave           text                     not null,
    amount         bigint                   not null,
    reason         text                     not null,
    decided_at     timestamp with time zone not null,
    carried_by     bigint,
    constraint forfeit_pkey PRIMARY KEY (participant_id, falls_at),
    constraint forfeit_amount_check CHECK ((amount > 0)),
    constraint forfeit_reason_check CHECK ((reason = ANY (ARRAY['first_purchase_late'::text, 'next_purchase_late'::text, 'cut_off'::text])))
);
CREATE TRIGGER forfeit_is_final BEFORE DELETE OR UPDATE ON forfeit FOR EACH ROW EXECUTE FUNCTION keep_final();
comment on table forfeit is 'The rest of a balance, returned to the treasury, never changed.';
comment on column forfeit.falls_at is 'The moment from which it is gone: a midnight in Jakarta, or a void after the cut-off.';
comment on column forfeit.amount is 'Rupiah.';
comment on column forfeit.carried_by is 'The number of the event on enrollment.events that announced it; null: adopted after a restore.';

create table purchase_deadline (
    due_at          timestamp with time zone not null,
    lane            smallint                 not null,
    participant_ids text[]                   not null
);
CREATE INDEX purchase_deadline_by_time ON purchase_deadline USING btree (lane, due_at);
comment on table purchase_deadline is 'When it is computed what these participants forfeit: a row per lane, time and transaction.';

create table tally (
    lane        smallint not null,
    state       text     not null,
    enrollments bigint   not null,
    constraint tally_pkey PRIMARY KEY (lane, state),
    constraint tally_enrollments_check CHECK ((enrollments >= 0)),
    constraint tally_state_check CHECK ((state = ANY (ARRAY['confirmed'::text, 'rejected'::text, 'voided'::text])))
);
comment on table tally is 'How many enrollments of each lane were decided which way, so that nobody has to count them.';

create table wave (
    wave       text                     not null,
    scheme     text                     not null,
    quota      bigint                   not null,
    opens_at   timestamp with time zone not null,
    closes_at  timestamp with time zone not null,
    admitted   bigint                   not null default 0,
    refused    bigint                   not null default 0,
    promised   bigint                   not null default 0,
    overbooked bigint                   not null default 0,
    cut_off_at timestamp with time zone,
    constraint wave_pkey PRIMARY KEY (wave),
    constraint quota_is_never_exceeded CHECK (((admitted >= 0) AND (admitted <= (quota + overbooked)))),
    constraint wave_check CHECK ((closes_at > opens_at)),
    constraint wave_overbooked_check CHECK ((overbooked >= 0)),
    constraint wave_promised_check CHECK ((promised >= 0)),
    constraint wave_quota_check CHECK ((quota > 0)),
    constraint wave_refused_check CHECK ((refused >= 0))
);
comment on table wave is 'A selection round. Its row is the counter of its quota, locked from the decision to the commit.';
comment on column wave.promised is 'Admissions announced before a restore that are not rows again yet: their places are nobody else''s.';
comment on column wave.overbooked is 'Admissions announced before a restore for which no place was left; only those may exceed the quota.';
comment on column wave.cut_off_at is 'The midnight in Jakarta from which its unspent money returns to the treasury; null: never.';

CREATE OR REPLACE FUNCTION keep_final()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin raise exception 'a decision of % is final', tg_table_name using errcode = 'restrict_violation'; end $function$;
