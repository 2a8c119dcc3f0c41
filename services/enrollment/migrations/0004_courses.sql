-- The catalogue: which trainings the programme approved, and under which version of an approval a purchase was decided.
-- Locks `enrollment` while it is read twice, for its check and for the index: a minute for thirteen million rows.

create table course (
    course_code     text        not null,
    version         integer     not null check (version > 0),
    provider_id     text        not null,
    modes           text[]      not null check (cardinality(modes) > 0),
    price_at_most   bigint      not null check (price_at_most > 0),
    hours           integer     not null check (hours > 0),
    primary key (course_code, version)
);
comment on table course is 'A version of the approval of a course, never changed. The highest version counts.';
create trigger course_is_final before update or delete on course for each row execute function keep_final();

alter table enrollment
    add column course_version integer,
    drop constraint enrollment_reason_check,
    add constraint enrollment_reason_check check (reason in
        ('not_admitted', 'first_purchase_late', 'next_purchase_late', 'previous_not_completed', 'balance_insufficient',
         'course_not_approved', 'price_above_approved', 'hours_too_few', 'class_too_large', 'mode_not_allowed',
         'region_not_open'));
comment on column enrollment.course_version is
    'The version of the course that was approved when it came to be in this state; null: none was known.';
create index enrollment_without_course on enrollment (lane, course_code)
    where state = 'undecided' and reason = 'course_not_approved';
