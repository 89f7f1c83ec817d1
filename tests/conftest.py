"""Settings for every test: a machine that is busy must not turn a slow draw into a failure, and a property is tried on
the same draws everywhere, so that a failure is the change's and not the day's. `HYPOTHESIS_SEED=random` draws anew."""

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "bluebook",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("HYPOTHESIS_SEED") != "random",
)
settings.load_profile("bluebook")

# A shell switches Ctrl-C off for what it runs in the background, and so for everything that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
