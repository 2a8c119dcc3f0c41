"""Payment: pays each entitlement once. It decides what is due, instructs partners, and keeps the ledger."""
