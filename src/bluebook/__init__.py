"""Bluebook teaches a language model a structured language and proves what it has learned."""

import logging
import os

# Libraries read these when they are imported, which is before any function of ours could set them.
for _name, _value in {
    # Nothing leaves this machine unless a remote, hub or teacher is named.
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that wait by spinning take the cores from whoever has work. Beside other busy processes training
    # steps were seen to become several times as fast with this (no controlled comparison).
    "OMP_WAIT_POLICY": "PASSIVE",
}.items():
    os.environ.setdefault(_name, _value)

logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns of a CPU kernel that nothing here uses
