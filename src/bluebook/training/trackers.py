"""Loss curves for DVCLive and Weights & Biases, when `local.yaml` asks for them. Everything stays on this machine.

Both packages do more than they are asked to: DVCLive opens the DVC repository and makes one where there is
none, adds files to Git under `dvc exp run` and posts to Studio where a token is set; wandb uploads. A training
stage must do none of this, and what they write lies below `logs/`, which Git and DVC ignore.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from bluebook import steps
from bluebook.errors import ParamsError


class Tracker(Protocol):
    """Where a loss curve goes besides the run's own files."""

    def begin(self, step: int) -> None:
        """The loop begins, or goes on from a step that is not 0."""

    def log(self, step: int, values: dict[str, float]) -> None: ...

    def end(self) -> None: ...


class DvcLive:
    """Metrics and plots as DVC and its editor extension read them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live: Any = None

    def begin(self, step: int) -> None:
        if self.live is not None:  # the same run, with fewer rows on the device
            return
        os.environ["DVC_STUDIO_OFFLINE"] = "true"
        from dvclive import Live

        folder = self.folder

        class Local(Live):  # type: ignore[misc]
            """Live as it is where it finds no repository, without looking for one."""

            def _init_dvc(self) -> None:
                self._dvc_file = str(folder / "dvc.yaml")

        self.live = Local(str(folder), resume=step > 0, dvcyaml=None, save_dvc_exp=False)

    def log(self, step: int, values: dict[str, float]) -> None:
        self.live.step = step
        for name, value in values.items():
            self.live.log_metric(name, value)
        self.live.make_summary()

    def end(self) -> None:
        """Nothing: each point is on the disk, and `Live.end` would look for a repository."""


class WandB:
    """An offline run below `logs/wandb`; its owner may upload it with `wandb sync`."""

    def __init__(self, folder: Path, subject: str) -> None:
        if importlib.util.find_spec("wandb") is None:
            raise ParamsError(
                "local.yaml: `track` asks for wandb, which is not installed; "
                "`pip install 'bluebook[wandb]'`, or take it out"
            )
        self.folder = folder
        self.subject = subject
        self.run: Any = None

    def begin(self, step: int) -> None:
        if self.run is not None:
            return
        import wandb

        self.folder.mkdir(parents=True, exist_ok=True)
        self.run = wandb.init(
            project="bluebook",
            name=self.subject,
            dir=str(self.folder),
            mode=os.environ.get("WANDB_MODE", "offline"),
            settings={"disable_git": True, "disable_code": True, "console": "off", "silent": True},
        )

    def log(self, step: int, values: dict[str, float]) -> None:
        self.run.log(values, step=step)

    def end(self) -> None:
        if self.run is not None:
            self.run.finish()


@contextmanager
def tracking(names: Sequence[str], subject: str) -> Iterator[list[Tracker]]:
    """The trackers that `local.yaml: track` names, ended with the block; none but on the first process.

    Raises ParamsError for a package that is not installed.
    """
    logs = steps.LOG.parent
    found: list[Tracker] = []
    if os.environ.get("RANK", "0") == "0":
        found += [DvcLive(logs / f"dvclive-{subject}")] if "dvclive" in names else []
        found += [WandB(logs, subject)] if "wandb" in names else []
    with ExitStack() as stack:
        for tracker in found:
            stack.callback(tracker.end)
        yield found
