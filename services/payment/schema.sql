-- What the migrations of services.payment add up to. Generated: change the migrations instead.

create type annulment as enum ('voided', 'revoked', 'erased');
create type break_class as enum ('amount_differs', 'duplicate', 'late', 'missing_here', 'missing_there', 'returned', 'unknown');
create type break_state as enum ('open', 'resolved', 'closed');
create type claim_reason as enum ('voided', 'revoked', 'blocked', 'contradicted');
create type claim_state as enum ('open', 'repaid', 'withdrawn');
create type component as enum ('training', 'incentive', 'survey');
create type hold_reason as enum ('no_account', 'account_other_nik', 'account_unverified', 'account_full', 'account_closed', 'account_invalid', 'no_provider_account', 'no_funds', 'needs_approval', 'partner_paused', 'halted', 'partner_rejected', 'participant_blocked', 'shared_account');
create type line_kind as enum ('paid', 'returned', 'credited');
create type payee as enum ('provider', 'participant');
create type state as enum ('held', 'instructed', 'accepted', 'settled', 'failed', 'cancelled', 'forfeited');

create table account (
    participant_id text                     not null,
    lane           smallint                 not null,
    partner        text                     not null,
    account        text                     not null,
    verified       boolean                  not null,
    same_identity  boolean                  not null,
    linked_at      timestamp with time zone not null,
    caused_by      bigint,
    account_index  bytea,
    sharer         integer,
    constraint account_pkey PRIMARY KEY (participant_id),
    constraint numbered_among_sharers CHECK (((account_index IS NULL) = (sharer IS NULL)))
);
CREATE UNIQUE INDEX account_by_index ON account USING btree (account_index, sharer);
comment on table account is 'The account a participant linked last, by the time of linking. Sealed under payment''s own key, for this participant at this partner, the header shortened.';
comment on column account.account is 'Empty once the participant was erased.';
comment on column account.caused_by is 'The number of the event on enrollment.events.';
comment on column account.account_index is 'Keyed hash of partner and number: equal for the same account. It stays when the number goes, so that nobody leaves those who share it by an erasure.';
comment on column account.sharer is 'A number among those who linked the same account, without which two who link it at once would not see each other.';

create table announced_answer (
    at           timestamp with time zone not null,
    first_number bigint                   not null,
    lane         smallint                 not null,
    answered     text[]                   not null
);
CREATE INDEX announced_answer_by_time ON announced_answer USING brin (at);
CREATE TRIGGER announced_answers_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON announced_answer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table announced_answer is 'Events on payment.events that announced what partners accepted or settled: a row per run of numbers in one transaction.';
comment on column announced_answer.first_number is 'The number of the first event; the others follow it without a gap.';
comment on column announced_answer.answered is 'The references that the events are about, in the order of their numbers.';

create table appropriation (
    document        text                     not null,
    component       component                not null,
    wave            text                     not null,
    amount          bigint                   not null,
    appropriated_at timestamp with time zone not null,
    constraint appropriation_pkey PRIMARY KEY (document, component),
    constraint appropriation_amount_check CHECK ((amount > 0))
);
comment on table appropriation is 'Money the treasury gave to a wave, by document.';

create table approval (
    redeem_code     text                     not null,
    benefit         text                     not null,
    attempt         smallint                 not null,
    amount          bigint                   not null,
    partner         text                     not null,
    account_version bigint                   not null,
    who             text                     not null,
    second          text,
    at              timestamp with time zone not null,
    account_index   text,
    constraint approval_pkey PRIMARY KEY (redeem_code, benefit, attempt),
    constraint approval_attempt_check CHECK ((attempt > 0)),
    constraint approval_check CHECK ((lower(TRIM(BOTH FROM second)) <> lower(TRIM(BOTH FROM who))))
);
comment on table approval is 'What operators let go: this attempt, with exactly this content. Void, and gone, when the content changes before the attempt is made.';
comment on column approval.second is 'The second person, where it took two.';
comment on column approval.account_index is 'Keyed hash of the account, in hex; null in approvals of before it.';

create table attempt (
    amount               bigint                   not null,
    instructed_at        timestamp with time zone not null,
    answer_by            timestamp with time zone not null,
    accepted_at          timestamp with time zone,
    rejected_at          timestamp with time zone,
    lane                 smallint                 not null,
    number               smallint,
    reference            text                     not null,
    redeem_code          text,
    benefit              text,
    partner              text                     not null,
    reason               text,
    partner_reference    text,
    account              text                     not null,
    adopted              boolean                  not null default false,
    wave                 text,
    component            component,
    account_version      bigint,
    keeps_money          boolean                  not null default false,
    carried_by           bigint,
    rejection_carried_by bigint,
    settled_at           timestamp with time zone,
    returned_at          timestamp with time zone,
    return_carried_by    bigint,
    asked_at             timestamp with time zone,
    not_found_at         timestamp with time zone,
    constraint attempt_pkey PRIMARY KEY (reference),
    constraint adopted_or_ours CHECK ((((redeem_code IS NULL) = (benefit IS NULL)) AND ((benefit IS NULL) = (number IS NULL)))),
    constraint attempt_amount_check CHECK ((amount > 0)),
    constraint only_what_was_paid_is_returned CHECK (((returned_at IS NULL) OR (settled_at IS NOT NULL)))
);
CREATE INDEX attempt_adopted ON attempt USING btree (wave, component) WHERE adopted;
CREATE INDEX attempt_only_adopted ON attempt USING btree (lane) WHERE (redeem_code IS NULL);
CREATE TRIGGER a_final_word_never_changes AFTER UPDATE ON attempt FOR EACH ROW WHEN ((((((old.reference IS DISTINCT FROM new.reference) OR (old.lane IS DISTINCT FROM new.lane)) OR (old.partner IS DISTINCT FROM new.partner)) OR (old.amount IS DISTINCT FROM new.amount)) OR (((old.rejected_at IS NOT NULL) OR (old.returned_at IS NOT NULL)) AND ((((((((((((((old.instructed_at IS DISTINCT FROM new.instructed_at) OR (old.answer_by IS DISTINCT FROM new.answer_by)) OR (old.accepted_at IS DISTINCT FROM new.accepted_at)) OR (old.rejected_at IS DISTINCT FROM new.rejected_at)) OR (old.number IS DISTINCT FROM new.number)) OR (old.redeem_code IS DISTINCT FROM new.redeem_code)) OR (old.benefit IS DISTINCT FROM new.benefit)) OR (old.reason IS DISTINCT FROM new.reason)) OR (old.partner_reference IS DISTINCT FROM new.partner_reference)) OR (old.adopted IS DISTINCT FROM new.adopted)) OR (old.wave IS DISTINCT FROM new.wave)) OR (old.component IS DISTINCT FROM new.component)) OR (old.account_version IS DISTINCT FROM new.account_version)) OR (old.keeps_money IS DISTINCT FROM new.keeps_money))) OR ((old.returned_at IS NOT NULL) AND ((old.settled_at IS DISTINCT FROM new.settled_at) OR (old.returned_at IS DISTINCT FROM new.returned_at))) OR ((new.returned_at IS NULL) AND (old.settled_at IS DISTINCT FROM new.settled_at)))) EXECUTE FUNCTION refuse_change_of_final();
CREATE TRIGGER an_account_goes_only_with_its_holder AFTER UPDATE ON attempt FOR EACH ROW WHEN ((old.account IS DISTINCT FROM new.account)) EXECUTE FUNCTION refuse_unless_erased();
CREATE TRIGGER an_attempt_stays_with_its_right AFTER UPDATE ON attempt FOR EACH ROW WHEN (((old.redeem_code IS NOT NULL) AND (((old.redeem_code IS DISTINCT FROM new.redeem_code) OR (old.benefit IS DISTINCT FROM new.benefit)) OR (old.number IS DISTINCT FROM new.number)))) EXECUTE FUNCTION refuse_change_of_final();
CREATE TRIGGER attempts_stay BEFORE DELETE OR TRUNCATE ON attempt FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table attempt is 'What a partner was told under a reference, unique for ever, and why it was rejected. How the latest stands, its disbursement says.';
comment on column attempt.redeem_code is 'Null while only our own topic says that the attempt was made (after a restore).';
comment on column attempt.reason is 'The partner''s own, of its rejection, or of the return of what was never rejected.';
comment on column attempt.account is 'The account sealed for the partner, as it was said; of a header that is like any other only the key''s name. Empty once its participant was erased and the attempt is over.';
comment on column attempt.adopted is 'Our own topic said that it was made; it binds, whoever had let it go.';
comment on column attempt.wave is 'Of an adopted one, as payment.events has it; null: nobody has said yet which right it pays.';
comment on column attempt.keeps_money is 'Adopted, not rejected as far as was announced, and its right is still to be read: its money is nobody else''s.';
comment on column attempt.carried_by is 'The number of the event on payment.events that announced it; the instruction itself has the reference.';
comment on column attempt.rejection_carried_by is 'The number of the event on payment.events that announced its rejection.';
comment on column attempt.settled_at is 'Of one that was returned; while it is paid, its disbursement says so.';
comment on column attempt.returned_at is 'The money came back to the partner, in full.';
comment on column attempt.return_carried_by is 'The number of the event on payment.events that announced the return.';
comment on column attempt.asked_at is 'The latest request for its status; null: none, or the instruction was repeated since.';
comment on column attempt.not_found_at is 'The partner''s time of its latest report, which counted, that it knows no such reference.';

create table block (
    participant_id text                     not null,
    at             timestamp with time zone not null,
    blocked        boolean                  not null,
    lane           smallint                 not null,
    ledger_number  bigint                   not null,
    caused_by      bigint,
    constraint block_pkey PRIMARY KEY (participant_id, at, blocked)
);
CREATE TRIGGER blocks_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON block FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table block is 'A block of a participant or, where `blocked` is false, an unblock. The latest counts.';
comment on column block.ledger_number is 'The last row of the lane''s ledger when it was read: no instruction follows the block until a later unblock is read.';
comment on column block.caused_by is 'The number of the event on enrollment.events.';

create table book (
    lane   smallint not null,
    number bigint   not null,
    hash   bytea    not null,
    seal   bytea,
    constraint book_pkey PRIMARY KEY (lane)
);
comment on table book is 'The last row of each book; -1 is the treasury''s own, -2 that of money given back from purses.';
comment on column book.seal is 'HMAC over service, chain, number and hash, under a key that is not here.';

create table confirmation (
    reference   text                     not null,
    redeem_code text                     not null,
    benefit     text                     not null,
    who         text                     not null,
    second      text                     not null,
    at          timestamp with time zone not null,
    constraint confirmation_pkey PRIMARY KEY (reference),
    constraint confirmation_check CHECK ((lower(TRIM(BOTH FROM second)) <> lower(TRIM(BOTH FROM who))))
);
CREATE INDEX confirmation_by_right ON confirmation USING btree (redeem_code, benefit);
CREATE TRIGGER confirmations_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON confirmation FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table confirmation is 'Two persons know that the money did go out under this reference, which its partner had rejected.';

create table contradiction (
    reference         text                     not null,
    partner           text                     not null,
    status            text                     not null,
    amount            bigint                   not null,
    reason            text                     not null,
    redeem_code       text                     not null,
    benefit           text                     not null,
    attempt           smallint                 not null,
    partner_reference text,
    reported_at       timestamp with time zone not null,
    noted_at          timestamp with time zone not null,
    constraint contradiction_pkey PRIMARY KEY (reference, partner, status, amount, reason)
);
CREATE INDEX contradiction_by_right ON contradiction USING btree (redeem_code, benefit);
CREATE TRIGGER contradictions_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON contradiction FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table contradiction is 'What a partner said that does not go together with what was known of a reference; its record is parked. An empty reason for none.';
comment on column contradiction.attempt is 'The latest attempt of the right at that time.';

create table cut_off (
    cut_off_at    timestamp with time zone not null,
    acts_at       timestamp with time zone not null,
    passed_at     timestamp with time zone,
    ledger_number bigint,
    lane          smallint                 not null,
    wave          text                     not null,
    cleared       boolean                  not null default false,
    constraint cut_off_pkey PRIMARY KEY (wave, lane),
    constraint cleared_once_passed CHECK (((NOT cleared) OR (passed_at IS NOT NULL))),
    constraint cut_off_check CHECK ((acts_at >= cut_off_at)),
    constraint passed_at_a_place_in_the_ledger CHECK (((passed_at IS NULL) = (ledger_number IS NULL)))
);
CREATE TRIGGER a_passed_cut_off_stays AFTER UPDATE ON cut_off FOR EACH ROW WHEN ((old.cleared OR ((old.passed_at IS NOT NULL) AND ((old.passed_at IS DISTINCT FROM new.passed_at) OR (old.ledger_number IS DISTINCT FROM new.ledger_number))))) EXECUTE FUNCTION refuse_change_of_final();
CREATE TRIGGER cut_offs_stay BEFORE DELETE OR TRUNCATE ON cut_off FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table cut_off is 'The cut-off of a wave in each lane: from then on nothing more of the wave is paid.';
comment on column cut_off.acts_at is 'The cut-off, but not before records that are long on their way have come since it was first heard of.';
comment on column cut_off.passed_at is 'Since then whatever is due or held of the wave in this lane is forfeited.';
comment on column cut_off.ledger_number is 'The last row of the lane''s ledger by then: no instruction of the wave follows it.';
comment on column cut_off.cleared is 'What was held by then is forfeited. Once all lanes are cleared, unused money of the wave returns to the treasury.';

create table disbursement (
    amount            bigint                   not null,
    due_at            timestamp with time zone not null,
    tried_version     bigint                   not null,
    retry_at          timestamp with time zone,
    changed_at        timestamp with time zone not null,
    ask_at            timestamp with time zone,
    accepted_at       timestamp with time zone,
    settled_at        timestamp with time zone,
    state             state                    not null,
    partner_reference text,
    payee             payee                    not null,
    component         component                not null,
    reason            hold_reason,
    lane              smallint                 not null,
    attempt           smallint                 not null,
    redeem_code       text                     not null,
    benefit           text                     not null,
    participant_id    text                     not null,
    provider_id       text                     not null,
    wave              text                     not null,
    partner           text,
    reference         text,
    cancelled_at      timestamp with time zone,
    frozen            boolean                  not null default false,
    annulled          annulment,
    carried_by        bigint,
    state_carried_by  bigint,
    constraint disbursement_pkey PRIMARY KEY (redeem_code, benefit),
    constraint an_attempt_has_a_reference CHECK (((attempt = 0) = (reference IS NULL))),
    constraint asked_at_a_partner CHECK (((state = ANY (ARRAY['instructed'::state, 'accepted'::state])) = (ask_at IS NOT NULL))),
    constraint cancelled_at_a_time CHECK (((state = 'cancelled'::state) = (cancelled_at IS NOT NULL))),
    constraint disbursement_amount_check CHECK ((amount > 0)),
    constraint disbursement_attempt_check CHECK ((attempt >= 0)),
    constraint held_for_a_reason CHECK (((state = 'held'::state) = (reason IS NOT NULL))),
    constraint nothing_final_is_frozen CHECK (((NOT frozen) OR (state <> ALL (ARRAY['settled'::state, 'failed'::state, 'cancelled'::state, 'forfeited'::state])))),
    constraint only_unpaid_without_an_attempt CHECK (((attempt > 0) OR (state = ANY (ARRAY['held'::state, 'forfeited'::state])) OR (cancelled_at IS NOT NULL))),
    constraint only_what_is_annulled_is_cancelled CHECK (((state <> 'cancelled'::state) OR (annulled IS NOT NULL))),
    constraint retried_when_held CHECK (((retry_at IS NULL) OR (state = 'held'::state))),
    constraint settled_at_a_time CHECK (((state = 'settled'::state) = (settled_at IS NOT NULL)))
);
CREATE INDEX disbursement_held ON disbursement USING btree (lane, payee, reason, due_at) WHERE (reason IS NOT NULL);
CREATE INDEX disbursement_paused ON disbursement USING btree (partner, due_at, redeem_code, benefit) WHERE (reason = 'partner_paused'::hold_reason);
CREATE INDEX disbursement_queue ON disbursement USING btree (wave, component, due_at, redeem_code, benefit) INCLUDE (lane, amount) WHERE (reason = 'no_funds'::hold_reason);
CREATE INDEX disbursement_retry ON disbursement USING btree (lane, retry_at) WHERE (retry_at IS NOT NULL);
CREATE UNIQUE INDEX one_of_each_benefit_per_participant ON disbursement USING btree (participant_id, benefit) WHERE ((payee = 'participant'::payee) AND ((attempt > 0) OR (cancelled_at IS NULL)));
CREATE TRIGGER a_final_disbursement_never_changes AFTER UPDATE ON disbursement FOR EACH ROW WHEN (((old.state = ANY (ARRAY['failed'::state, 'forfeited'::state])) OR (old.cancelled_at IS NOT NULL))) EXECUTE FUNCTION refuse_change_of_final();
CREATE TRIGGER a_frozen_right_goes_only_approved AFTER UPDATE ON disbursement FOR EACH ROW WHEN ((old.frozen AND (new.state <> 'settled'::state) AND ((NOT new.frozen) OR (new.attempt <> old.attempt)))) EXECUTE FUNCTION refuse_unless_approved();
CREATE TRIGGER a_held_right_is_settled_only_confirmed AFTER UPDATE ON disbursement FOR EACH ROW WHEN (((old.state = 'held'::state) AND (new.state = 'settled'::state))) EXECUTE FUNCTION refuse_unless_confirmed();
CREATE TRIGGER a_paid_right_goes_back_only_returned AFTER UPDATE ON disbursement FOR EACH ROW WHEN ((old.state = 'settled'::state)) EXECUTE FUNCTION refuse_unless_returned();
CREATE TRIGGER a_right_begins_unpaid AFTER INSERT ON disbursement FOR EACH ROW WHEN ((NOT (((new.attempt = 0) AND (new.state = ANY (ARRAY['held'::state, 'cancelled'::state, 'forfeited'::state]))) OR ((new.attempt = 1) AND (new.state = 'instructed'::state))))) EXECUTE FUNCTION refuse_step();
CREATE TRIGGER a_step_is_in_the_table AFTER UPDATE ON disbursement FOR EACH ROW WHEN ((NOT
        CASE old.state
            WHEN 'instructed'::state THEN ((new.state = ANY (ARRAY['instructed'::state, 'accepted'::state, 'settled'::state])) AND (new.attempt = old.attempt) AND (new.reference = old.reference) AND (new.partner = old.partner))
            WHEN 'accepted'::state THEN ((new.state = ANY (ARRAY['accepted'::state, 'settled'::state])) AND (new.attempt = old.attempt) AND (new.reference = old.reference) AND (new.partner = old.partner))
            WHEN 'held'::state THEN (((new.state = 'settled'::state) AND (new.attempt = old.attempt)) OR ((new.state = ANY (ARRAY['held'::state, 'cancelled'::state, 'forfeited'::state])) AND (new.attempt = old.attempt) AND (NOT (new.reference IS DISTINCT FROM old.reference))) OR ((new.state = 'instructed'::state) AND (old.attempt = 0) AND (new.attempt = 1)))
            WHEN 'settled'::state THEN (new.state = ANY (ARRAY['held'::state, 'failed'::state]))
            ELSE false
        END)) EXECUTE FUNCTION refuse_step();
CREATE TRIGGER disbursements_stay BEFORE DELETE OR TRUNCATE ON disbursement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table disbursement is 'One payment of one benefit. Each right to money exists once, by these keys.';
comment on column disbursement.tried_version is 'Version of the account that the latest attempt went to; 0: none.';
comment on column disbursement.retry_at is 'When the clock tries again what only wants time.';
comment on column disbursement.ask_at is 'When the partner is asked, if its final word has not come.';
comment on column disbursement.accepted_at is 'As its partner says of the latest attempt; so are settled_at and partner_reference.';
comment on column disbursement.cancelled_at is 'If no partner had been told by then, the participant''s next training may earn the benefit.';
comment on column disbursement.frozen is 'A person must look before another attempt: only an approval, a final word or a confirmation ends it.';
comment on column disbursement.annulled is 'Its training earns nothing any more, or its participant was erased: it is cancelled when it is held. Paid for a training that was annulled, it is claimed back.';
comment on column disbursement.carried_by is 'The number of the event on payment.events that announced that it fell due.';
comment on column disbursement.state_carried_by is 'The number of the event on payment.events that announced its state last.';

create table enrollment (
    redeem_code          text                     not null,
    participant_id       text                     not null,
    lane                 smallint                 not null,
    wave                 text                     not null,
    provider_id          text                     not null,
    benefits             json                     not null,
    completed_at         timestamp with time zone,
    completion_noted_at  timestamp with time zone,
    rated_at             timestamp with time zone,
    voided_at            timestamp with time zone,
    revoked_at           timestamp with time zone,
    clawback_days        smallint,
    caused_by            bigint,
    completion_caused_by bigint,
    rating_caused_by     bigint,
    void_caused_by       bigint,
    revocation_caused_by bigint,
    scheme               text,
    scheme_version       integer,
    constraint enrollment_pkey PRIMARY KEY (redeem_code),
    constraint a_completion_is_noted CHECK (((completed_at IS NULL) = (completion_noted_at IS NULL))),
    constraint enrollment_clawback_days_check CHECK ((clawback_days >= 0))
);
CREATE INDEX enrollment_by_participant ON enrollment USING btree (participant_id);
comment on table enrollment is 'One training of one participant, as far as money goes: what it promises and what has been reached.';
comment on column enrollment.benefits is 'An object each: benefit, amount in rupiah, payee, milestone, first_training_only, and months_after where it follows the first incentive.';
comment on column enrollment.voided_at is 'Of the first void that was read; so is revoked_at. From then on it earns nothing.';
comment on column enrollment.clawback_days is 'Days after which a claim is due; null in enrollments of before claims.';
comment on column enrollment.caused_by is 'The number of the event on enrollment.events that confirmed it; so is void_caused_by of the void.';
comment on column enrollment.completion_caused_by is 'The number of the event on completion.events; so are rating_caused_by and revocation_caused_by.';
comment on column enrollment.scheme is 'Under which it was confirmed, as is scheme_version; null in enrollments of before.';

create table erasure (
    participant_id text                     not null,
    lane           smallint                 not null,
    erased_at      timestamp with time zone,
    ledger_number  bigint                   not null,
    caused_by      bigint,
    constraint erasure_pkey PRIMARY KEY (participant_id)
);
CREATE TRIGGER an_erasure_never_changes AFTER UPDATE ON erasure FOR EACH ROW WHEN ((old.erased_at IS NOT NULL)) EXECUTE FUNCTION refuse_change_of_final();
CREATE TRIGGER erasures_stand BEFORE DELETE OR TRUNCATE ON erasure FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table erasure is 'Participants who were erased, for ever: nothing is paid for their trainings any more.';
comment on column erasure.erased_at is 'Null while only our own topic says so (after a restore), and the event is still to be read again.';
comment on column erasure.ledger_number is 'The last row of the lane''s ledger when the participant was found erased: no instruction follows it.';
comment on column erasure.caused_by is 'The number of the event on enrollment.events; null: known from our own topic alone, or of before this.';

create table funds (
    wave         text      not null,
    component    component not null,
    appropriated bigint    not null,
    drawn        bigint    not null default 0,
    overdrawn    bigint    not null default 0,
    promised     bigint    not null default 0,
    short        boolean   not null default false,
    returned     bigint    not null default 0,
    constraint funds_pkey PRIMARY KEY (wave, component),
    constraint funds_promised_check CHECK ((promised >= 0)),
    constraint funds_returned_check CHECK ((returned >= 0)),
    constraint never_more_than_appropriated CHECK (((drawn >= 0) AND (overdrawn = GREATEST(((drawn + returned) - appropriated), (0)::bigint))))
);
CREATE TRIGGER only_what_was_confirmed_is_overdrawn AFTER UPDATE ON funds FOR EACH ROW WHEN ((new.overdrawn > old.overdrawn)) EXECUTE FUNCTION refuse_unless_confirmed_so_much();
comment on table funds is 'Money of a wave: given by the treasury, and drawn from it by the lanes.';
comment on column funds.overdrawn is 'What was confirmed and is not covered: it shrinks when money comes or is given back, and grows by confirmations alone.';
comment on column funds.promised is 'What adopted attempts keep until their rights are read again: no lane draws it.';
comment on column funds.short is 'Somebody is held for no_funds: nobody draws blocks, purses are emptied. Set and cleared under the lock of the row.';
comment on column funds.returned is 'Returned to the treasury since the cut-off of the wave.';

create table halt (
    scope text                     not null,
    since timestamp with time zone not null,
    who   text                     not null,
    why   text                     not null,
    constraint halt_pkey PRIMARY KEY (scope)
);
comment on table halt is 'The operator''s switch: a partner, or all. What is due is held; intake goes on.';

create table hold (
    held_at     timestamp with time zone not null,
    carried_by  bigint,
    reason      hold_reason              not null,
    redeem_code text                     not null,
    benefit     text                     not null,
    partner     text
);
CREATE INDEX hold_by_training ON hold USING btree (redeem_code);
CREATE TRIGGER holds_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON hold FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table hold is 'Each hold of a disbursement that was announced, for whatever reason it ended.';

create table money_claim (
    opened_at          timestamp with time zone not null,
    due_at             timestamp with time zone not null,
    closed_at          timestamp with time zone,
    amount             bigint                   not null,
    lane               smallint                 not null,
    number             smallint                 not null,
    debtor             payee                    not null,
    reason             claim_reason             not null,
    state              claim_state              not null default 'open'::claim_state,
    reference          text                     not null,
    redeem_code        text                     not null,
    benefit            text                     not null,
    participant_id     text                     not null,
    document           text,
    carried_by         bigint,
    closing_carried_by bigint,
    constraint money_claim_pkey PRIMARY KEY (reference, number),
    constraint closed_at_a_time CHECK (((state = 'open'::claim_state) = (closed_at IS NULL))),
    constraint money_claim_amount_check CHECK ((amount > 0)),
    constraint money_claim_number_check CHECK ((number > 0)),
    constraint repaid_by_a_document CHECK (((state = 'repaid'::claim_state) = (document IS NOT NULL)))
);
CREATE INDEX money_claim_by_participant ON money_claim USING btree (participant_id);
CREATE UNIQUE INDEX one_claim_per_reference ON money_claim USING btree (reference) WHERE (state <> 'withdrawn'::claim_state);
CREATE TRIGGER a_claim_changes_only_when_it_is_closed AFTER UPDATE ON money_claim FOR EACH ROW WHEN (((old.state <> 'open'::claim_state) OR (new.state = 'open'::claim_state) OR (((((((((((old.opened_at IS DISTINCT FROM new.opened_at) OR (old.due_at IS DISTINCT FROM new.due_at)) OR (old.amount IS DISTINCT FROM new.amount)) OR (old.lane IS DISTINCT FROM new.lane)) OR (old.number IS DISTINCT FROM new.number)) OR (old.debtor IS DISTINCT FROM new.debtor)) OR (old.reason IS DISTINCT FROM new.reason)) OR (old.reference IS DISTINCT FROM new.reference)) OR (old.redeem_code IS DISTINCT FROM new.redeem_code)) OR (old.benefit IS DISTINCT FROM new.benefit)) OR (old.participant_id IS DISTINCT FROM new.participant_id)))) EXECUTE FUNCTION refuse_change_of_final();
CREATE TRIGGER claims_on_money_stay BEFORE DELETE OR TRUNCATE ON money_claim FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table money_claim is 'Money that was paid in vain and is to come back: the claims on a reference are numbered.';
comment on column money_claim.carried_by is 'The number of the event on payment.events that announced it; closing_carried_by: how it ended.';

create table monthly_due (
    due_at      timestamp with time zone not null,
    lane        smallint                 not null,
    redeem_code text                     not null,
    benefit     text                     not null,
    constraint monthly_due_pkey PRIMARY KEY (redeem_code, benefit)
);
CREATE INDEX monthly_due_by_time ON monthly_due USING btree (lane, due_at);
comment on table monthly_due is 'A benefit that is to fall due at a time, if its training and the first incentive still stand then.';

create table partner_use (
    partner         text                     not null,
    rate_used_until timestamp with time zone not null,
    day             date                     not null,
    rupiah          bigint                   not null,
    constraint partner_use_pkey PRIMARY KEY (partner),
    constraint partner_use_rupiah_check CHECK ((rupiah >= 0))
);
comment on table partner_use is 'What was used of the limits of a partner; none without limits.';
comment on column partner_use.rate_used_until is 'Up to this time the instructions that its rate allows are used up.';
comment on column partner_use.rupiah is 'Instructed on the day, which is one of Jakarta.';

create table provider (
    provider_id text    not null,
    version     integer not null,
    partner     text    not null,
    account     text    not null,
    content     text    not null,
    constraint provider_pkey PRIMARY KEY (provider_id, version),
    constraint provider_version_check CHECK ((version > 0))
);
comment on table provider is 'Accounts of record; the highest version counts.';
comment on column provider.account is 'Sealed under payment''s own key, for this provider at this partner.';
comment on column provider.content is 'Keyed hash of what the version says, seal opened: the same version with other content is a conflict.';

create table purse (
    lane      smallint  not null,
    wave      text      not null,
    component component not null,
    drawn     bigint    not null,
    spent     bigint    not null default 0,
    constraint purse_pkey PRIMARY KEY (lane, wave, component),
    constraint never_more_than_drawn CHECK (((spent >= 0) AND (spent <= drawn)))
);
comment on table purse is 'A lane''s part of the money: drawn in blocks, spent by instructions, given back when a partner rejects. Emptied under the lock of the fund, by whoever holds it, while money is short.';

create table reconciliation_break (
    first_seen_at timestamp with time zone not null,
    ended_at      timestamp with time zone,
    instructed    bigint,
    reported      bigint,
    stated        bigint,
    number        integer                  not null,
    class         break_class              not null,
    state         break_state              not null default 'open'::break_state,
    partner       text                     not null,
    reference     text                     not null,
    who           text,
    second        text,
    why           text,
    document      text,
    constraint reconciliation_break_pkey PRIMARY KEY (partner, reference, class, number),
    constraint closed_by_a_person CHECK ((((state = 'closed'::break_state) = (who IS NOT NULL)) AND ((who IS NULL) = (why IS NULL)) AND ((who IS NULL) = (document IS NULL)))),
    constraint ended_at_a_time CHECK (((state = 'open'::break_state) = (ended_at IS NULL))),
    constraint reconciliation_break_number_check CHECK ((number > 0)),
    constraint two_are_not_one CHECK (((second IS NULL) OR (second <> who))),
    constraint two_persons_where_money_moves CHECK (((state <> 'closed'::break_state) OR (class = 'late'::break_class) OR (second IS NOT NULL)))
);
CREATE UNIQUE INDEX one_open_break ON reconciliation_break USING btree (partner, reference, class) WHERE (state = 'open'::break_state);
CREATE TRIGGER a_break_changes_only_to_its_end AFTER UPDATE ON reconciliation_break FOR EACH ROW WHEN (((old.state <> 'open'::break_state) OR ((((((((old.first_seen_at IS DISTINCT FROM new.first_seen_at) OR (old.instructed IS DISTINCT FROM new.instructed)) OR (old.reported IS DISTINCT FROM new.reported)) OR (old.stated IS DISTINCT FROM new.stated)) OR (old.number IS DISTINCT FROM new.number)) OR (old.class IS DISTINCT FROM new.class)) OR (old.partner IS DISTINCT FROM new.partner)) OR (old.reference IS DISTINCT FROM new.reference)))) EXECUTE FUNCTION refuse_change_of_final();
CREATE TRIGGER breaks_stay BEFORE DELETE OR TRUNCATE ON reconciliation_break FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table reconciliation_break is 'A disagreement about a reference. Found again with other amounts, or after its end, it is another row.';
comment on column reconciliation_break.first_seen_at is 'Kept when the amounts change: the age is that of the disagreement.';
comment on column reconciliation_break.who is 'Closed it, as the first where there are two.';

create table reminder (
    look_at      timestamp with time zone not null,
    lane         smallint                 not null,
    redeem_codes text[]                   not null,
    partner      text                     not null
);
CREATE INDEX reminder_by_time ON reminder USING btree (partner, lane, look_at);
comment on table reminder is 'Whom to look at, and when, until the partner has said its final word: a row per lane, partner and transaction, not one per payment.';

create table signed_head (
    at        timestamp with time zone not null,
    number    bigint                   not null,
    cut_offs  bigint                   not null,
    day       date,
    statement text                     not null,
    constraint signed_head_pkey PRIMARY KEY (number),
    constraint signed_head_cut_offs_check CHECK ((cut_offs >= 0)),
    constraint signed_head_number_check CHECK ((number > 0))
);
CREATE TRIGGER signed_heads_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON signed_head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table signed_head is 'Statements of the heads of all chains, each signed, with the digest of the one before.';
comment on column signed_head.cut_offs is 'How many waves were cleared in all lanes; one more makes another statement due.';
comment on column signed_head.day is 'The day in Jakarta of which the statement declares the totals; null: none.';
comment on column signed_head.statement is 'JWS, compact, signed with Ed25519 by a key that is kept outside.';

create table statement (
    id      bigint                   not null,
    partner text                     not null,
    digest  bytea                    not null,
    form    text                     not null,
    from_at timestamp with time zone not null,
    until   timestamp with time zone not null,
    lines   integer                  not null,
    read_at timestamp with time zone not null,
    constraint statement_pkey PRIMARY KEY (id),
    constraint statement_file UNIQUE (partner, digest),
    constraint a_period_has_a_length CHECK ((from_at < until)),
    constraint statement_digest_check CHECK ((length(digest) = 32)),
    constraint statement_form_check CHECK ((form = ANY (ARRAY['camt.053'::text, 'csv'::text]))),
    constraint statement_lines_check CHECK ((lines >= 0))
);
CREATE TRIGGER statements_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON statement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table statement is 'A statement of a partner that was read whole, by the SHA-256 of its file.';
comment on column statement.until is 'The first moment after its period.';

create table statement_line (
    statement         bigint    not null,
    booked_on         date      not null,
    number            integer   not null,
    amount            bigint    not null,
    kind              line_kind not null,
    reference         text      not null,
    partner_reference text,
    reason            text,
    constraint statement_line_pkey PRIMARY KEY (statement, number),
    constraint statement_line_amount_check CHECK (((amount >= 1) AND (amount <= '1000000000000'::bigint))),
    constraint statement_line_number_check CHECK ((number > 0))
);
CREATE INDEX statement_line_by_reference ON statement_line USING btree (reference);
CREATE TRIGGER statement_lines_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON statement_line FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table statement_line is 'A payment, a return or a credit as a statement lists it. Written before its statement, in one transaction.';
comment on column statement_line.booked_on is 'A day in Jakarta.';

create table survey_answer (
    redeem_code text                     not null,
    survey      text                     not null,
    answered_at timestamp with time zone not null,
    caused_by   bigint,
    constraint survey_answer_pkey PRIMARY KEY (redeem_code, survey),
    constraint survey_answer_survey_check CHECK ((survey ~ '^survey_[1-9][0-9]?$'::text))
);
CREATE TRIGGER survey_answers_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON survey_answer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table survey_answer is 'A survey that a participant answered, with the training that it belongs to; the first answer counts.';
comment on column survey_answer.caused_by is 'The number of the event on completion.events.';

create table tally (
    lane          smallint not null,
    state         text     not null,
    partner       text     not null,
    benefit       text     not null,
    reason        text     not null,
    disbursements bigint   not null,
    rupiah        bigint   not null,
    constraint tally_pkey PRIMARY KEY (lane, state, partner, benefit, reason)
);
comment on table tally is 'How many disbursements stand where, counted as they move; an empty text for none.';

create table transfer (
    number    bigint                   not null,
    amount    bigint                   not null,
    at        timestamp with time zone not null,
    component component                not null,
    debit     text                     not null,
    credit    text                     not null,
    lane      smallint                 not null,
    wave      text                     not null,
    reference text,
    hash      bytea                    not null,
    constraint transfer_pkey PRIMARY KEY (lane, number),
    constraint accounts_of_the_books CHECK (((debit ~ '^(treasury|appropriation|claims|returned|(reserved|clearing|paid):[a-z0-9_]+)$'::text) AND (credit ~ '^(treasury|appropriation|claims|returned|(reserved|clearing|paid):[a-z0-9_]+)$'::text))),
    constraint transfer_amount_check CHECK ((amount > 0)),
    constraint transfer_number_check CHECK ((number > 0)),
    constraint two_sides CHECK ((debit <> credit))
);
CREATE INDEX transfer_by_time ON transfer USING brin (at);
CREATE TRIGGER transfers_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON transfer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table transfer is 'The books: value moves from credit to debit, each row seals the one before.';

CREATE OR REPLACE FUNCTION refuse_change_of_final()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin raise exception '% is final', tg_table_name using errcode = 'restrict_violation'; end $function$;

CREATE OR REPLACE FUNCTION refuse_step()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if tg_op = 'UPDATE' and exists (
        select from attempt a
        where a.reference = old.reference and (a.rejected_at is not null or a.returned_at is not null)
          and case when new.state in ('held', 'failed')
                       then old.state in ('instructed', 'accepted')
                            and (new.attempt, new.reference, new.partner) = (old.attempt, old.reference, old.partner)
                   else (old.state, new.state) = ('held', 'instructed')
                        and new.attempt = old.attempt + 1 and new.reference <> old.reference end) then
        return null;
    end if;
    raise exception '% % cannot be %: no step leads there', new.redeem_code, new.benefit, new.state
        using errcode = 'restrict_violation';
end $function$;

CREATE OR REPLACE FUNCTION refuse_unless_approved()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if new.state = 'instructed' and new.attempt = old.attempt + 1 and (
        new.frozen and exists (select from attempt a where a.reference = new.reference and a.adopted)
        or exists (select from approval a
                   where (a.redeem_code, a.benefit, a.attempt) = (new.redeem_code, new.benefit, new.attempt)
                     and (a.amount, a.partner, a.account_version) = (new.amount, new.partner, new.tried_version)
                     and a.second is not null)) then
        return null;
    end if;
    if new.state in ('cancelled', 'forfeited') and exists (
        select from approval a
        where (a.redeem_code, a.benefit, a.attempt) = (new.redeem_code, new.benefit, new.attempt + 1) and a.second is not null) then
        return null;
    end if;
    raise exception 'nobody approved %', new.reference using errcode = 'restrict_violation';
end $function$;

CREATE OR REPLACE FUNCTION refuse_unless_confirmed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if old.frozen and exists (
        select from confirmation c join attempt a using (reference, redeem_code, benefit)
        where (c.reference, c.redeem_code, c.benefit) = (new.reference, new.redeem_code, new.benefit)
          and (a.amount, a.partner) = (new.amount, new.partner) and a.rejected_at is not null and a.returned_at is null) then
        return null;
    end if;
    raise exception 'nobody confirmed %', new.reference using errcode = 'restrict_violation';
end $function$;

CREATE OR REPLACE FUNCTION refuse_unless_confirmed_so_much()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if new.overdrawn <= (select coalesce(sum(d.amount), 0) from confirmation c join disbursement d using (redeem_code, benefit)
                         where d.wave = new.wave and d.component = new.component)
                      + (select coalesce(sum(c.amount), 0) from money_claim c join disbursement d using (redeem_code, benefit)
                         where c.reason = 'contradicted' and d.wave = new.wave and d.component = new.component)
                      + (select coalesce(sum(a.amount), 0) from attempt a
                         where a.adopted and a.wave = new.wave and a.component = new.component) then
        return null;
    end if;
    raise exception 'nobody confirmed or was told so much of wave %', new.wave using errcode = 'restrict_violation';
end $function$;

CREATE OR REPLACE FUNCTION refuse_unless_erased()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if new.account = '' and exists (
        select from disbursement d join erasure x using (participant_id)
        where (d.redeem_code, d.benefit) = (new.redeem_code, new.benefit) and d.payee = 'participant') then
        return null;
    end if;
    raise exception 'nobody was erased to whom % went', new.reference using errcode = 'restrict_violation';
end $function$;

CREATE OR REPLACE FUNCTION refuse_unless_returned()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if new.state in ('held', 'failed') and (new.reference, new.attempt) = (old.reference, old.attempt)
       and exists (select from attempt a where a.reference = old.reference and a.returned_at is not null) then
        return null;
    end if;
    raise exception '% was paid, and not returned', old.reference using errcode = 'restrict_violation';
end $function$;
