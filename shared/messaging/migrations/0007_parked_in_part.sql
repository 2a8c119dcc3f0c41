-- Of a large record only the first bytes are kept; the row says so, since it cannot be replayed from them.
-- A column with a constant default: locks `parked` for a moment and rewrites nothing.

alter table parked add column whole boolean not null default true;
comment on column parked.whole is 'False: of the record only the first 64 KiB are kept, or it is a record batch that could not be taken apart.';
