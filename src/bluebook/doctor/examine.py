"""All probes, the cheap ones first; the trials run beside each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from bluebook import cards
from bluebook.doctor import computing, disk, graphics, packages, remote, repository
from bluebook.doctor.findings import Finding
from bluebook.params import Local, Quantisation


def examine(root: Path) -> Iterator[Finding]:
    """What every probe finds in the repository `root` on this machine, in a fixed order, as soon as it is known."""
    installed = [*packages.python(), *packages.packages(root)]
    yield from installed
    if any(finding.level == "blocks" for finding in installed):
        return  # the other probes need the packages
    with ThreadPoolExecutor(4) as pool:  # threads that wait for child processes
        looking = pool.submit(cards.seen)
        storage = pool.submit(remote.remote, root)
        settings, params, local = repository.settings(root)
        yield from settings
        yield from repository.git(root)
        yield from repository.dvc(root)
        yield from _disk(root)
        yield from storage.result()
        yield from graphics.machine(
            os.cpu_count() or 1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        )
        asked = (local or Local()).device
        seen = looking.result()
        found = graphics.graphics(seen, cards.smi_cards(), asked)
        yield from found
        if any(finding.level == "blocks" for finding in found):
            return  # there is nothing to try on
        device = graphics.device_of(seen, asked)
        trials = [pool.submit(computing.computing, device, local)]
        for kind in get_args(Quantisation):
            trials.append(pool.submit(computing.quantisation, kind, device, params))
        for trial in trials:
            yield from trial.result()


def _disk(root: Path) -> Iterator[Finding]:
    where = disk.places(root, repository.cache_folder(root))
    yield from disk.space(where)
    refused = disk.writable(where)
    yield from refused
    if not refused:
        yield from disk.links(root, repository.cache_folder(root))
    yield from disk.shared_memory()
