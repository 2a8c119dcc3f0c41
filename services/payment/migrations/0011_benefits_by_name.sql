-- Why: stored by position, a field that is added between others would misread every older row.
-- Locks enrollment and writes it and its indexes anew: some minutes for thirteen million rows.
create function benefits_by_name(benefits json) returns json language sql immutable as $$
    select coalesce(json_agg(json_build_object(
        'benefit', p -> 0, 'amount', p -> 1, 'payee', p -> 2, 'milestone', p -> 3, 'first_training_only', p -> 4)
        order by place), '[]')
    from json_array_elements(benefits) with ordinality as of (p, place)
$$;
alter table enrollment alter column benefits type json using benefits_by_name(benefits);
drop function benefits_by_name;
comment on column enrollment.benefits is
    'An object each: benefit, amount in rupiah, payee, milestone, first_training_only.';
