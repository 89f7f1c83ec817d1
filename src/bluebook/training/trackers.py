"""Loss curves for DVCLive and Weights & Biases, when `local.yaml` asks for them. Everything stays on this machine.

Both packages do more than they are asked to: DVCLive opens the DVC repository and makes one where there is
none, adds files to Git under `dvc exp run` and posts to Studio where a token is set; wandb uploads. A training
stage must do none of this, and what they write lies below `logs/`, which Git and DVC ignore.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bluebook import steps
from bluebook.errors import ParamsError
from bluebook.training.progress import Tracker


class DvcLive:
    """Metrics and plots as DVC and its editor extension read them: `dvc plots show` on the folder's files."""

    def __init__(self, folder: Path, resumed: bool) -> None:
        os.environ["DVC_STUDIO_OFFLINE"] = "true"  # before the import: its client reads it whenever asked
        from dvclive import Live

        class Local(Live):  # type: ignore[misc]
            """Live without a repository, the state that it has where it finds none."""

            def _init_dvc(self) -> None:
                self._dvc_file = str(folder / "dvc.yaml")

        self.live = Local(str(folder), resume=resumed, dvcyaml=None, save_dvc_exp=False)

    def log(self, step: int, values: dict[str, float]) -> None:
        self.live.step = step
        for name, value in values.items():
            self.live.log_metric(name, value)
        self.live.make_summary()

    def end(self) -> None:
        self.live.make_summary()


class WandB:
    """An offline run below `logs/wandb`; `wandb sync` uploads it if its owner wants that."""

    def __init__(self, folder: Path, subject: str) -> None:
        if importlib.util.find_spec("wandb") is None:
            raise ParamsError(
                "local.yaml: `track` asks for wandb, which is not installed; "
                "`pip install 'bluebook[wandb]'`, or take it out"
            )
        mode = os.environ.get("WANDB_MODE", "offline")
        import wandb

        self.run = wandb.init(
            project="bluebook",
            name=subject,
            dir=str(folder),
            mode=mode,  # type: ignore[arg-type]
            settings={"disable_git": True, "disable_code": True, "console": "off", "silent": True},
        )

    def log(self, step: int, values: dict[str, float]) -> None:
        self.run.log(values, step=step)

    def end(self) -> None:
        self.run.finish()


def trackers(names: Sequence[str], subject: str, *, resumed: bool = False) -> list[Tracker]:
    """Those that `local.yaml: track` names, on the first process only; a resumed run's curve goes on.

    Raises ParamsError for a missing package.
    """
    if os.environ.get("RANK", "0") != "0":
        return []
    logs = steps.LOG.parent
    made: dict[str, Any] = {
        "dvclive": lambda: DvcLive(logs / f"dvclive-{subject}", resumed),
        "wandb": lambda: WandB(logs, subject),
    }
    return [made[name]() for name in names]
