-- Why: evidence that is revoked ends, and what was accepted beside it counts then. Locks enrollment and reads it once,
-- to check its states: seconds for thirteen million rows.

-- Compared as texts, since a value cannot be used in the transaction that adds it.
alter type enrollment_state add value 'revoked';
alter table enrollment
    drop constraint only_the_completed_are_completed,
    add constraint only_the_completed_are_completed check
        (num_nulls(completed_at, digest) = case when state::text in ('completed', 'revoked') then 0 else 2 end);
-- A completion that is revoked stays as it was announced.
drop trigger enrollment_is_final on enrollment;
create trigger enrollment_is_final after update on enrollment for each row
    when (case old.state when 'open' then new.state::text = 'revoked' when 'completed' then new.state::text <> 'revoked'
        or (old.decided_at, old.completed_at, old.digest) is distinct from (new.decided_at, new.completed_at, new.digest)
        else true end)
    execute function keep_final();
comment on column enrollment.rule is
    'What completes it, as the enrollment service confirmed it: sessions (sequence, proof, starts_at, ends_at), post_test,
graded, certificate, whole_span, evidence_days, complete_within_days, sessions_at_least.';

create table spare (like evidence including constraints);
alter table spare add primary key (redeem_code, kind, part, source, id);
comment on table spare is 'Accepted facts that do not count: repeats of a business key by other events, what came after the decision, and what was revoked.';
comment on column spare.seen_at is 'When it was accepted.';

create table revocation (
    revoked_at      timestamptz not null,
    seen_at         timestamptz not null,
    on_attendance   boolean     not null,
    ends_completion boolean     not null,
    redeem_code     text        not null,
    source          text        not null,
    id              text        not null,
    reason          text        not null,
    primary key (redeem_code, on_attendance, source, id)
);
comment on table revocation is 'Events that report no evidence any more, whether they came before or come later.';
comment on column revocation.on_attendance is 'True: the event stands on the topic of attendance, else on that of evidence.';
comment on column revocation.ends_completion is 'True of the one that left too little evidence for a completion.';

-- What a decision rests on stays; as long as there is none, a revoked fact and a spare change places.
create function keep_decided() returns trigger language plpgsql as $$ begin
    if exists (select from enrollment where redeem_code = old.redeem_code and state = 'open') then return old; end if;
    raise exception 'what % holds is final', tg_table_name using errcode = 'restrict_violation';
end $$;
drop trigger evidence_is_kept on evidence;
create trigger evidence_is_kept before update on evidence for each row execute function keep_final();
create trigger evidence_is_decided before delete on evidence for each row execute function keep_decided();
create trigger spare_is_kept before update on spare for each row execute function keep_final();
create trigger spare_is_decided before delete on spare for each row execute function keep_decided();
create trigger revocation_is_kept before update or delete on revocation for each row execute function keep_final();
