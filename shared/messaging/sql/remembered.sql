-- name: remember
-- The latest word about a thing stands.
insert into remembered (type, key, owner, data)
select * from unnest($1::text[], $2::text[], $3::text[], $4::json[])
on conflict (type, key) do update set data = excluded.data;

-- name: mark_remembering
-- From now on these lanes look there before they decide.
update lane set remembers = true where lane = any($1::smallint[]) and not remembers;

-- name: recall
-- What had been said about these people.
select type, key, owner, data from remembered where owner = any($1::text[]) and type = any($2::text[]);

-- name: forget
-- Its cause has been read again: from now on the rows say what was decided.
delete from remembered where type = any($1::text[]) and key = any($2::text[]);

-- name: end_remembering
-- All that was said has its cause again, so nobody needs to look.
update lane set remembers = false where lane = any($1::smallint[]) and remembers and not exists (select from remembered);
