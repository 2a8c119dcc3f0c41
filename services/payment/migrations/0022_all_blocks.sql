-- Why: of blocks and unblocks only the latest times were kept, so a later block hid from when the participant had been blocked,
-- and cash that was paid in between was claimed or not by what was read first. Now each is a row.
-- Locks block while its rows are copied. An unblock of before this gets the place in the ledger of its block.
alter table block rename to latest_block;
alter table latest_block rename constraint block_pkey to latest_block_pkey;

create table block (
    participant_id  text        not null,
    at              timestamptz not null,
    blocked         boolean     not null,
    lane            smallint    not null,
    ledger_number   bigint      not null,
    caused_by       bigint,
    primary key (participant_id, at, blocked)
);
comment on table block is 'A block of a participant or, where `blocked` is false, an unblock. The latest counts.';
comment on column block.ledger_number is
    'The last row of the lane''s ledger when it was read: no instruction follows the block until a later unblock is read.';
comment on column block.caused_by is 'The number of the event on enrollment.events.';

insert into block
select participant_id, blocked_at, true, lane, ledger_number, block_caused_by from latest_block where blocked_at is not null
union all
select participant_id, unblocked_at, false, lane, ledger_number, unblock_caused_by from latest_block where unblocked_at is not null;

drop table latest_block;
create trigger blocks_are_append_only before delete or update or truncate on block for each statement execute function refuse_change();
