-- Why: hourly statements of the heads of all chains, signed under a key that is not here, tell a stranger if what they
-- cover was rewritten.
-- Adds a table; locks nothing.
create table signed_head (
    at        timestamptz not null,
    number    bigint      not null primary key check (number > 0),
    cut_offs  bigint      not null check (cut_offs >= 0),
    day       date,
    statement text        not null
);
comment on table signed_head is 'Statements of the heads of all chains, each signed, with the digest of the one before.';
comment on column signed_head.cut_offs is 'How many waves were cleared in all lanes; one more makes another statement due.';
comment on column signed_head.day is 'The day in Jakarta of which the statement declares the totals; null: none.';
comment on column signed_head.statement is 'JWS, compact, signed with Ed25519 by a key that is kept outside.';
create trigger signed_heads_are_append_only before update or delete or truncate on signed_head
    for each statement execute function refuse_change();
