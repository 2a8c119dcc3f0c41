-- Why: explain shows all that was parked about one person, of however many parked records.
create index parked_of_person on parked (person) where person <> '';
