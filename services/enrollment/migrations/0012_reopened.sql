-- Why: a training that two persons reopen was completed long ago by the times of its evidence, and the deadline for the next
-- purchase was over at once. It runs from the reopening now. Locks enrollment for a moment.

alter table enrollment add column reopened_at timestamptz;
comment on column enrollment.reopened_at is
    'When two persons let it be completed after it had been rejected: the deadline for the next purchase runs from then.';
