-- What completion may do in its own tables. Evidence on which a decision rests stays as it was.

grant select, insert, delete on evidence to :service;
grant select, insert, delete on spare to :service;
grant select, insert on revocation to :service;
grant select, insert on survey to :service;
grant select, insert, update (state, decided_at, completed_at, digest, reopened_at, void_caused_by, carried_by,
                              reopening_carried_by, revocation_carried_by)
    on enrollment to :service;
grant select, insert, update (redeem_codes), delete on deadline to :service;
grant select, insert, update (enrollments) on tally to :service;
