-- Why: a confirmed enrollment can be voided, and is completed no more after that. Locks the type, for a moment.
alter type enrollment_state add value 'voided';
