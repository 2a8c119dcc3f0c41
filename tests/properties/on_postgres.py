"""Settings of properties whose examples run on PostgreSQL."""

import os

from hypothesis import HealthCheck, Phase, settings

# To shrink an example on a database takes minutes: a failure shows it as it was drawn, unless SHRINK is set.
PHASES = tuple(Phase) if os.environ.get("SHRINK") else (Phase.explicit, Phase.reuse, Phase.generate)
ON_POSTGRES = settings(
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
