-- What enrollment may do in its own tables. What was decided stays, so nothing of it is deleted.

grant select, insert on admission to :service;
grant select, insert on block to :service;
grant select, insert on erasure to :service;
grant select, insert on forfeit to :service;
grant select, insert, update (participant_ids), delete on purchase_deadline to :service;
grant select, insert on course to :service;
grant select, insert, update (admitted, refused, promised, overbooked) on wave to :service;
grant select, insert,
      update (partner, verified, linked_at, content_digest, same_identity, sealed, identity_index,
              carried_by)
    on account to :service;
grant select, insert,
      update (state, reason, scheme, scheme_version, course_version, decided_at, completed_at, reopened_at, rated_at, revoked_at, voided_at, void_reason,
              due_at, purchase, trace, carried_by, void_carried_by)
    on enrollment to :service;
grant select, insert, update (enrollments) on tally to :service;
