-- Accounts rest under payment's own key from here on. `migrate` seals again what is there; what enrollment said before
-- this was applied is read as it was sealed then. Locks nothing but the two tables' descriptions, for a moment.

comment on column provider.account is 'Sealed under payment''s own key, for this provider at this partner.';
comment on table account is 'The account a participant linked last, by the time of linking. Sealed under payment''s own key, for this participant at this partner, the header shortened.';
