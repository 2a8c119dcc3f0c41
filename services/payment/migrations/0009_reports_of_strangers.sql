-- Why: reports on references that nobody knows wait for their lane to catch up, not for their reference: then they are
-- judged in portions, and nothing is looked through for them. Those that wait now are put where they belong.
-- Locks no table.
update waiting w set kind = 'catching_up', key = w.lane::text, owner = w.key
where w.kind = 'reference' and not exists (select from attempt a where a.reference = w.key and a.redeem_code is null);
update lane set queues = array(select distinct unnest(queues || '{catching_up}'::text[]))
where exists (select from waiting w where w.lane = lane.lane and w.kind = 'catching_up');
