-- Why: what a service decided is explained years later with the ids of the events that caused and carried it. A decision
-- keeps the number of an event; the era that completes its id stood only on pages and in Kafka, which are kept for weeks.
-- Locks nothing. What pages and positions say of eras is taken over: numbers before that stay without an id.
create table era (
    topic           text        not null,
    lane            smallint    not null,
    era             bigint      not null,
    first_sequence  bigint      not null check (first_sequence >= 1),
    follows         bigint      not null check (follows >= 0),
    primary key (topic, lane, era)
);
comment on table era is 'Eras of the topics written and read, for ever: topic, lane, era and number are the id of an event.';
comment on column era.follows is 'The last number of the era before, as it was written or read; it is not smaller than first_sequence where a restored producer gave numbers again.';

insert into era (topic, lane, era, first_sequence, follows)
select topic, lane, era, era_first, era_first - 1 from (select distinct topic, lane, era, era_first from page where not adopted) p;
insert into era (topic, lane, era, first_sequence, follows)
select topic, partition, era, last_sequence + 1, last_sequence from position where era > 0;
