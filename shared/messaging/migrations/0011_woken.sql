-- Why: what waits is taken up by portions, in order. A key whose cause has come is marked, lane by lane, and the lane's
-- sweep takes up what is marked; while older records of a key wait, later ones queue behind them.
-- Locks waiting while its indexes are built: some seconds for 500,000 rows. What was handed over before stays in its order.
update waiting set lane = -1 where lane is null;
update waiting set key = '', owner = '', digest = null where kind = 'replay';
alter table waiting alter column lane set not null;
comment on column waiting.lane is 'Whose sweep takes it up; -1: of no lane, taken up with lane 0.';
create index waiting_in_order on waiting (kind, key, lane, id);
drop index waiting_by_due;
create index waiting_by_due on waiting (lane, kind, due) where due is not null;

create table woken (
    turn            bigint      generated always as identity,
    lane            smallint    not null,
    kind            text        not null,
    key             text        not null,
    upto            bigint      not null,
    primary key (lane, kind, key)
);
create unique index woken_by_turn on woken (turn);
comment on table woken is 'Keys of which a lane''s sweep takes up what waits, up to the row that was the last when they were woken. After a portion a key goes to the end of the turns.';
insert into woken (lane, kind, key, upto)
select distinct lane, kind, key, 9223372036854775807 from waiting where kind in ('lane', 'replay');

alter table lane add column queues text[] not null default '{}';
update lane set queues = array(select distinct w.kind from waiting w where w.lane = lane.lane and w.owner <> '' and w.kind not in ('lane', 'replay'));
comment on column lane.queues is 'Kinds of what waits of which later records queue behind older ones.';
