-- What completion may do in its own tables. Evidence that counted stays as it was.

grant select, insert on evidence to :service;
grant select, insert on survey to :service;
grant select, insert, update (state, decided_at, completed_at, digest) on enrollment to :service;
grant select, insert, update (redeem_codes), delete on deadline to :service;
grant select, insert, update (enrollments) on tally to :service;
