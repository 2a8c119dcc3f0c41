-- Why: a partner may have limits: so many instructions a second, in flight, or rupiah a day. What is used of them has a row
-- for each such partner. What waits for room is held for `partner_paused`, and is taken by age over all lanes, so it has an
-- index. The index is built under a lock that no payment passes; it holds only what is paused, but reads the whole table.
create table partner_use (
    partner         text        primary key,
    rate_used_until timestamptz not null,
    day             date        not null,
    rupiah          bigint      not null,
    constraint partner_use_rupiah_check check (rupiah >= 0)
);
comment on table partner_use is 'What was used of the limits of a partner; none without limits.';
comment on column partner_use.rate_used_until is 'Up to this time the instructions that its rate allows are used up.';
comment on column partner_use.rupiah is 'Instructed on the day, which is one of Jakarta.';

create index disbursement_paused on disbursement (partner, due_at, redeem_code, benefit) where reason = 'partner_paused';
