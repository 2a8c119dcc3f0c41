"""Payout: the steps of payments, reports, confirmations and timers. `pay` alone instructs a partner."""
