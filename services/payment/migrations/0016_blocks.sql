-- Why: a participant who is blocked is paid nothing until an unblock. The latest of both counts by its own time.
-- Locks no table. The new value is used by no statement here, since it can be used only after the commit.
alter type hold_reason add value 'participant_blocked';

create table block (
    participant_id  text        primary key,
    lane            smallint    not null,
    blocked_at      timestamptz,
    unblocked_at    timestamptz,
    ledger_number   bigint      not null,
    constraint blocked_or_unblocked check (blocked_at is not null or unblocked_at is not null)
);
comment on table block is 'Participants who were ever blocked or unblocked: blocked while no unblock is later than the latest block.';
comment on column block.ledger_number is
    'The last row of the lane''s ledger when the participant was last found blocked: no instruction follows it.';
