-- After a restore: what partners had been told keeps its money until its right is read again, whichever lane is first.
-- Locks `attempt` and `funds` for a moment: columns without or with constant defaults change no row; the index holds
-- adopted attempts alone, of which an installation that was never restored has none.

alter table attempt add column wave text, add column component component, add column account_version bigint,
    add column keeps_money boolean not null default false;
comment on column attempt.wave is 'Of an adopted one, as payment.events has it; null: nobody has said yet which right it pays.';
comment on column attempt.keeps_money is 'Adopted, not rejected as far as was announced, and its right is still to be read: its money is nobody else''s.';
create index attempt_adopted on attempt (wave, component) where adopted;

alter table funds add column promised bigint not null default 0 check (promised >= 0);
comment on column funds.promised is 'What adopted attempts keep until their rights are read again: no lane draws it.';

create or replace function refuse_unless_confirmed_so_much() returns trigger language plpgsql as $$
begin
    if new.overdrawn <= (select coalesce(sum(d.amount), 0) from confirmation c join disbursement d using (redeem_code, benefit)
                         where d.wave = new.wave and d.component = new.component)
                      + (select coalesce(sum(a.amount), 0) from attempt a
                         where a.adopted and a.wave = new.wave and a.component = new.component) then
        return null;
    end if;
    raise exception 'nobody confirmed or was told so much of wave %', new.wave using errcode = 'restrict_violation';
end $$;
