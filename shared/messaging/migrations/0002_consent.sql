-- Some verbs need two different persons: what the first one said is kept here until the second one says the same.
-- Locks nothing: the table is new.

create table consent (
    verb            text        not null,
    subject         text        not null,
    content         text        not null,
    who             text        not null,
    at              timestamptz not null,
    primary key (verb, subject)
);
comment on table consent is 'The word of a first person, for verbs that need two. It holds for exactly this content, and goes when the second one acts.';
