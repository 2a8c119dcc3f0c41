-- The rest of a balance returns to the treasury when a deadline for buying or the cut-off of the wave has passed. Reads
-- `admission` once and locks nothing, since both tables are new. Of those admitted before, the deadline is computed a day
-- after the last admission, as for records that come late.

create table purchase_deadline (
    due_at          timestamptz not null,
    lane            smallint    not null,
    participant_ids text[]      not null
);
create index purchase_deadline_by_time on purchase_deadline (lane, due_at);
comment on table purchase_deadline is 'When it is computed what these participants forfeit: a row per lane, time and transaction.';

create table forfeit (
    participant_id text        not null,
    falls_at       timestamptz not null,
    lane           smallint    not null,
    wave           text        not null,
    amount         bigint      not null check (amount > 0),
    reason         text        not null check (reason in ('first_purchase_late', 'next_purchase_late', 'cut_off')),
    decided_at     timestamptz not null,
    carried_by     bigint,
    primary key (participant_id, falls_at)
);
create trigger forfeit_is_final before update or delete on forfeit for each row execute function keep_final();
comment on table forfeit is 'The rest of a balance, returned to the treasury, never changed.';
comment on column forfeit.falls_at is 'The moment from which it is gone: a midnight in Jakarta, or a void after the cut-off.';
comment on column forfeit.amount is 'Rupiah.';
comment on column forfeit.carried_by is 'The number of the event on enrollment.events that announced it; null: adopted after a restore.';

insert into purchase_deadline (due_at, lane, participant_ids)
select (select max(decided_at) from admission) + interval '1 day', lane, array_agg(participant_id)
from (select participant_id, lane, row_number() over (partition by lane) / 1000 as portion from admission where state = 'admitted')
     as admitted
group by lane, portion;
