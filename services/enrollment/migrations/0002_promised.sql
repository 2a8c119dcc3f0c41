-- After a restore: a place that was given away before it stays given, though the application is still to be read again.
-- Locks `wave` for a moment: columns with constant defaults change no row; a wave is a row, and there are some dozens.

alter table wave
    add column promised bigint not null default 0 check (promised >= 0),
    add column overbooked bigint not null default 0 check (overbooked >= 0),
    drop constraint quota_is_never_exceeded,
    add constraint quota_is_never_exceeded check (admitted between 0 and quota + overbooked);
comment on column wave.promised is 'Admissions announced before a restore that are not rows again yet: their places are nobody else''s.';
comment on column wave.overbooked is 'Admissions announced before a restore for which no place was left; only those may exceed the quota.';
