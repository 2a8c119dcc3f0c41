"""`python -m services.enrollment`: the verbs that all services have."""

from services.enrollment.app import LOOK_BACK, parts
from services.enrollment.settings import EnrollmentSettings
from shared.runtime.cli import main

if __name__ == "__main__":
    main(EnrollmentSettings, parts, look_back=LOOK_BACK)
