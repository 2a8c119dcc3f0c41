-- Why: a partner whose reports stand still must not hold up the questions to all others, so each partner is reminded of by
-- itself. The reminders there are speak of several partners; they are made anew from what is under way.
-- Locks reminder, for one reading of disbursement.
truncate reminder;
alter table reminder add column partner text not null;
insert into reminder (look_at, lane, partner, redeem_codes)
select min(ask_at), lane, partner, array_agg(redeem_code)
from (select lane, partner, redeem_code, ask_at,
             (row_number() over (partition by lane, partner order by ask_at) - 1) / 100 as portion
      from disbursement where state in ('instructed', 'accepted')) as under_way
group by lane, partner, portion;
drop index reminder_by_time;
create index reminder_by_time on reminder (partner, lane, look_at);
comment on table reminder is 'Whom to look at, and when, until the partner has said its final word: a row per lane, partner and transaction, not one per payment.';
