-- Waves get their cut-off. Those opened before have none: it is not sent after what was announced without it.

alter table wave add column cut_off_at timestamptz;
comment on column wave.cut_off_at is 'The midnight in Jakarta from which its unspent money returns to the treasury; null: never.';
