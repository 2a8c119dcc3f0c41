-- Why: whoever can write into Postgres could rewrite the whole log of operations with new hashes. Its end is sealed from
-- here on under a key that Postgres does not have; `migrate` seals, in this transaction, the end that it finds.
-- Locks the log against writers for a moment.
lock table operation in share row exclusive mode;
create table operation_head (
    only_one        boolean     primary key default true check (only_one),
    number          bigint      not null,
    hash            bytea       not null,
    seal            bytea
);
insert into operation_head (number, hash)
select coalesce(max(number), 0), coalesce((array_agg(hash order by number desc))[1], decode(repeat('00', 32), 'hex')) from operation;
comment on table operation_head is 'The last row of the log; who adds to it holds this one.';
comment on column operation_head.seal is 'HMAC over service, chain, number and hash, under a key that is not here.';
