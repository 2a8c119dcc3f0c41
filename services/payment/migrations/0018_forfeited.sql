-- Why: a value that is added to an enumeration can be used only after the commit, so it has a migration of its own.
-- Locks no table.
alter type state add value 'forfeited';
