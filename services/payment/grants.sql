-- What payment may do in its own tables. The books only grow; no attempt and no disbursement ever goes, and of each only
-- that changes which a partner's word or an operator's may change.

grant select, insert
    on transfer, appropriation, contradiction, confirmation, provider, survey_answer, hold, block, announced_answer,
       statement, statement_line, signed_head
    to :service;
grant select, insert, update (state, document, closed_at, closing_carried_by) on money_claim to :service;
grant select, insert, update (erased_at, caused_by) on erasure to :service;
grant select, insert, update (number, hash, seal) on book to :service;
grant select, insert,
      update (tried_version, retry_at, changed_at, ask_at, accepted_at, settled_at, state, partner_reference, reason,
              attempt, partner, reference, frozen, annulled, cancelled_at, state_carried_by)
    on disbursement to :service;
grant select, insert,
      update (instructed_at, answer_by, accepted_at, settled_at, rejected_at, returned_at, number, redeem_code, benefit,
              reason, partner_reference, wave, component, account, account_version, keeps_money, rejection_carried_by,
              return_carried_by, asked_at, not_found_at)
    on attempt to :service;
grant select, insert, update (partner, account, verified, same_identity, linked_at, caused_by, account_index, sharer)
    on account to :service;
grant select, insert, update (completed_at, completion_noted_at, rated_at, voided_at, revoked_at, completion_caused_by,
                              rating_caused_by, void_caused_by, revocation_caused_by)
    on enrollment to :service;
grant select, insert, update (appropriated, returned, drawn, overdrawn, promised, short) on funds to :service;
grant select, insert, update (passed_at, ledger_number, cleared) on cut_off to :service;
grant select, insert, update (drawn, spent) on purse to :service;
grant select, insert, update (amount, partner, account_version, account_index, who, second, at), delete on approval to :service;
grant select, insert, delete on halt, reminder, monthly_due to :service;
grant select, insert, update (disbursements, rupiah) on tally to :service;
grant select, insert, update (state, ended_at, who, second, why, document) on reconciliation_break to :service;
grant select, insert, update (rate_used_until, day, rupiah) on partner_use to :service;
