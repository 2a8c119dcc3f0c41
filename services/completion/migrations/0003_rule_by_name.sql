-- Why: stored by position, a field that is added between others would misread every older row.
-- Locks enrollment and writes it and its indexes anew: some minutes for thirteen million rows.
create function rule_by_name(rule json) returns json language sql immutable as $$
    select json_build_object(
        'sessions', (
            select json_agg(json_build_object(
                'sequence', s -> 0, 'proof', s -> 1, 'starts_at', s -> 2, 'ends_at', s -> 3) order by place)
            from json_array_elements(rule -> 0) with ordinality as of (s, place)),
        'post_test', rule -> 1, 'graded', rule -> 2, 'certificate', rule -> 3, 'whole_span', rule -> 4,
        'evidence_days', rule -> 5, 'complete_within_days', rule -> 6)
    where rule is not null
$$;
alter table enrollment alter column rule type json using rule_by_name(rule);
drop function rule_by_name;
comment on column enrollment.rule is
    'What completes it, as the enrollment service confirmed it: sessions (sequence, proof, starts_at, ends_at), post_test,
graded, certificate, whole_span, evidence_days, complete_within_days.';
