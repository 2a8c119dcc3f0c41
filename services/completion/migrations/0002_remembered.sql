-- What was said before a restore is kept by the engine now, in the same way in every service. Locks `said`, which goes.

insert into remembered (type, key, owner, data)
select type, redeem_code, word ->> 'participant_id', word
from said cross join lateral (select convert_from(data, 'UTF8')::json as word) as read;
update lane set remembers = true where exists (select from remembered);
drop table said;
