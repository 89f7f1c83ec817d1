"""Settings for every test: a machine that is busy must not turn a slow draw into a failure."""

from hypothesis import HealthCheck, settings

settings.register_profile("bluebook", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bluebook")
