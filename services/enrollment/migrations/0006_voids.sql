-- A confirmed enrollment can be voided, once and for good. Locks `enrollment` while it is read once, for its checks.

alter table enrollment
    add column voided_at timestamptz,
    add column void_reason text,
    drop constraint enrollment_state_check,
    add constraint enrollment_state_check check (state in ('undecided', 'confirmed', 'rejected', 'voided')),
    drop constraint a_confirmed_one_needs_no_reason,
    add constraint only_the_rejected_have_a_reason check ((state in ('confirmed', 'voided')) = (reason is null)),
    add constraint a_voided_one_says_when_and_why check
        ((state <> 'voided' or voided_at is not null) and (voided_at is null) = (void_reason is null)),
    drop constraint only_the_confirmed_are_completed,
    add constraint only_the_confirmed_are_completed check
        (state in ('confirmed', 'voided') or (completed_at is null and rated_at is null and revoked_at is null));
comment on column enrollment.voided_at is
    'When the platform took the purchase back; of an undecided one it is noted, and acts once that is confirmed.';
comment on column enrollment.void_reason is 'As the platform gave it.';

drop trigger enrollment_is_final on enrollment;
create trigger enrollment_is_final after update on enrollment
    for each row when (old.state <> 'undecided' and (old.reason, old.price, old.participant_id, old.content_digest)
        is distinct from (new.reason, new.price, new.participant_id, new.content_digest)) execute function keep_final();
create trigger enrollment_state_is_final after update on enrollment
    for each row when (old.state <> new.state and (old.state, new.state) not in
        (('undecided', 'confirmed'), ('undecided', 'rejected'), ('confirmed', 'voided'))) execute function keep_final();
create trigger enrollment_void_is_final after update on enrollment
    for each row when (old.voided_at is not null and (old.voided_at, old.void_reason)
        is distinct from (new.voided_at, new.void_reason)) execute function keep_final();

alter table tally
    drop constraint tally_state_check,
    add constraint tally_state_check check (state in ('confirmed', 'rejected', 'voided')),
    drop constraint tally_enrollments_check,
    add constraint tally_enrollments_check check (enrollments >= 0);
