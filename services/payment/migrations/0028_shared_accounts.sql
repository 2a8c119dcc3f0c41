-- Why: an account that many participants link is a sign of fraud, and nothing more is paid into it. The keyed hash of an
-- account tells only that two are the same. Those of before are filled in after this by `migrate`, which has the key.
-- Locks account while the index is built, some seconds for a million; approval for a moment. Approvals that are still to
-- be used get the hash of their account in the same way. The new hold reason can be used only after the commit.
alter type hold_reason add value 'shared_account';

alter table account
    add column account_index bytea,
    add column sharer integer,
    add constraint numbered_among_sharers check ((account_index is null) = (sharer is null));
create unique index account_by_index on account (account_index, sharer);
comment on column account.account_index is 'Keyed hash of partner and number: equal for the same account. It stays when the number goes, so that nobody leaves those who share it by an erasure.';
comment on column account.sharer is 'A number among those who linked the same account, without which two who link it at once would not see each other.';

alter table approval add column account_index text;
comment on column approval.account_index is 'Keyed hash of the account, in hex; null in approvals of before it.';
