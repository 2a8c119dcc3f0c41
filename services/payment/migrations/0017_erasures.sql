-- Why: of a participant who was erased nothing personal is kept, and nothing more is paid for their trainings.
-- Locks attempt for a moment, to exchange a trigger. The new value is used by no statement here, since it can be used
-- only after the commit.
alter type annulment add value 'erased';

create table erasure (
    participant_id  text        primary key,
    lane            smallint    not null,
    erased_at       timestamptz,
    ledger_number   bigint      not null
);
comment on table erasure is 'Participants who were erased, for ever: nothing is paid for their trainings any more.';
comment on column erasure.erased_at is
    'Null while only our own topic says so (after a restore), and the event is still to be read again.';
comment on column erasure.ledger_number is
    'The last row of the lane''s ledger when the participant was found erased: no instruction follows it.';
create trigger erasures_stand before delete or truncate on erasure for each statement execute function refuse_change();
create trigger an_erasure_never_changes after update on erasure for each row
    when (old.erased_at is not null) execute function refuse_change_of_final();

comment on column account.account is 'Empty once the participant was erased.';
comment on column attempt.account is
    'The account sealed for the partner, as it was said; of a header that is like any other only the key''s name. Empty once its participant was erased and the attempt is over.';
comment on column disbursement.annulled is
    'Its training earns nothing any more, or its participant was erased: it is cancelled when it is held. Paid for a training that was annulled, it is claimed back.';

create function refuse_unless_erased() returns trigger language plpgsql as $$
begin
    if new.account = '' and exists (
        select from disbursement d join erasure x using (participant_id)
        where (d.redeem_code, d.benefit) = (new.redeem_code, new.benefit) and d.payee = 'participant') then
        return null;
    end if;
    raise exception 'nobody was erased to whom % went', new.reference using errcode = 'restrict_violation';
end $$;

drop trigger a_final_word_never_changes on attempt;
create trigger a_final_word_never_changes after update on attempt for each row
    when ((old.reference, old.lane, old.partner, old.amount) is distinct from (new.reference, new.lane, new.partner, new.amount)
          or old.rejected_at is not null
             and (old.instructed_at, old.answer_by, old.accepted_at, old.rejected_at, old.number, old.redeem_code, old.benefit,
                  old.reason, old.partner_reference, old.adopted, old.wave, old.component, old.account_version, old.keeps_money)
                 is distinct from
                 (new.instructed_at, new.answer_by, new.accepted_at, new.rejected_at, new.number, new.redeem_code, new.benefit,
                  new.reason, new.partner_reference, new.adopted, new.wave, new.component, new.account_version, new.keeps_money))
    execute function refuse_change_of_final();
create trigger an_account_goes_only_with_its_holder after update on attempt for each row
    when (old.account is distinct from new.account) execute function refuse_unless_erased();
