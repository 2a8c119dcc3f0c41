-- name: remember
-- The latest event of a type and key stands.
insert into remembered (type, key, owner, data)
select * from unnest($1::text[], $2::text[], $3::text[], $4::json[])
on conflict (type, key) do update set data = excluded.data;

-- name: mark_remembering
-- From now on handlers of these lanes recall before they decide.
update lane set remembers = true where lane = any($1::smallint[]) and not remembers;

-- name: recall
-- The events about these people.
select type, key, owner, data from remembered where owner = any($1::text[]) and type = any($2::text[]);

-- name: forget
-- Their cause has been read again: from now on the service's own rows hold the decision.
delete from remembered where type = any($1::text[]) and key = any($2::text[]);

-- name: forget_about
-- Their causes count no more, if they are read again at all.
delete from remembered where type = any($1::text[]) and owner = any($2::text[]);

-- name: end_remembering
-- Every event has its cause again, so no handler needs to recall.
update lane set remembers = false where lane = any($1::smallint[]) and remembers and not exists (select from remembered);
