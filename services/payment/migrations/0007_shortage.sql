-- Whoever waits for money is paid in order of age over all lanes; that somebody waits is a flag on the fund's row.
-- Who waits when this is applied is found, and the lanes' next sweeps give back what lies unused in purses.
-- Locks: `disbursement` against writing while the index is built, which reads the table once; `funds` for a moment.

alter table funds add column short boolean not null default false;
comment on column funds.short is 'Somebody is held for no_funds: nobody draws blocks, purses are emptied. Set and cleared under the lock of the row.';

create index disbursement_queue on disbursement (wave, component, due_at, redeem_code, benefit) include (lane, amount)
    where reason = 'no_funds';

insert into funds (wave, component, appropriated, short)
select distinct wave, component, 0, true from disbursement where reason = 'no_funds'
on conflict (wave, component) do update set short = true;

comment on table purse is 'A lane''s part of the money: drawn in blocks, spent by instructions, given back when a partner rejects. Emptied under the lock of the fund, by whoever holds it, while money is short.';
comment on table book is 'The last row of each book; -1 is the treasury''s own, -2 that of money given back from purses.';
