-- Why: incentives after the first fall due by the clock, so their times are kept until then.
-- Locks nothing: the table is new.
create table monthly_due (
    due_at      timestamptz not null,
    lane        smallint    not null,
    redeem_code text        not null,
    benefit     text        not null,
    primary key (redeem_code, benefit)
);
create index monthly_due_by_time on monthly_due (lane, due_at);
comment on table monthly_due is 'A benefit that is to fall due at a time, if its training and the first incentive still stand then.';
comment on column enrollment.benefits is
    'An object each: benefit, amount in rupiah, payee, milestone, first_training_only, and months_after where it follows the first incentive.';
