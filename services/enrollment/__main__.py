"""`python -m services.enrollment`: the verbs that all services have."""

from services.enrollment.app import POST_MIGRATION, definition
from services.enrollment.settings import EnrollmentSettings
from shared.runtime.cli import main

if __name__ == "__main__":
    main(EnrollmentSettings, definition, post_migration=POST_MIGRATION)
