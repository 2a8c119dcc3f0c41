-- Why: each decision is explained with the scheme and the version it was made under, for years, by payment too.
-- Adds columns that are empty: of enrollments confirmed before this, enrollment alone tells them.
alter table enrollment add column scheme text, add column scheme_version integer;
comment on column enrollment.scheme is 'Under which it was confirmed, as is scheme_version; null in enrollments of before.';
