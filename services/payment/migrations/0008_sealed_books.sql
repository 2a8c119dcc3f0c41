-- Why: whoever can write into Postgres could rewrite a book with new hashes. The end of each is sealed from here on under a
-- key that Postgres does not have; `migrate` seals, in this transaction, the ends that it finds, and gives one to each book
-- that has none. Locks the ends of the books for a moment.
alter table book add column seal bytea;
comment on column book.seal is 'HMAC over service, chain, number and hash, under a key that is not here.';
