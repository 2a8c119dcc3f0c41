-- Blocks of participants, and the refusal of what is bought meanwhile. Locks `enrollment` while it is read once, for its
-- check.

create table block (
    participant_id  text        not null,
    at              timestamptz not null,
    blocked         boolean     not null,
    lane            smallint    not null,
    reason          text        not null,
    primary key (participant_id, at, blocked)
);
comment on table block is 'A block of a participant or, where `blocked` is false, an unblock, never changed. The latest counts.';
create trigger block_is_final before update or delete on block for each row execute function keep_final();

alter table enrollment
    drop constraint enrollment_reason_check,
    add constraint enrollment_reason_check check (reason in
        ('not_admitted', 'participant_blocked', 'first_purchase_late', 'next_purchase_late', 'previous_not_completed',
         'balance_insufficient', 'course_not_approved', 'price_above_approved', 'hours_too_few', 'class_too_large',
         'mode_not_allowed', 'region_not_open'));
