-- What a service may do in the engine's tables, as its own role: what its statements need, and nothing else; a test holds
-- both. `migrate` takes everything away and grants this, in one transaction. All else is the owner's, the triggers too.

grant select on migration to :service;
grant select, insert on operation, era to :service;
grant select, update (number, hash, seal) on operation_head to :service;
grant select, insert, delete on page, claim, fingerprint to :service;
grant select, insert, update (era, stopped_reason, stopped_detail, stopped_at, set_aside, catching_up_since, remembers,
                              queues)
    on lane to :service;
grant select, insert, update (next_sequence, era_first) on sequence to :service;
grant select, insert, update (published, mark_offset, mark_id, say_again_from, unseen_from, unseen_to)
    on publication to :service;
grant select, insert, update (next_offset, era, last_sequence, last_offset, last_digest, gap_since, stopped_reason,
                              unreadable_offset, unreadable_why, pass_offset, ahead_era, ahead_sequence)
    on position to :service;
grant select, insert, update (since) on replica to :service;
grant select, insert, update (record), delete on waiting to :service;
grant select, insert, update (turn, upto), delete on woken to :service;
grant select, insert, update (replayed_at, closed_at), delete on parked to :service;
grant select, insert, update (secret) on personal_key to :service;
grant select, insert, update (content, who, at), delete on consent to :service;
grant select, insert, update (data), delete on remembered to :service;
