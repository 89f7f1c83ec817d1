"""Regions: the parts of a response that a subject tells apart, each with a loss, an accuracy and a weight of its own.

A dataset row says where its regions are, in characters of the response, and `regions.json` beside the rows lists the
names there are. Here they become one number a token. A token that reaches into two regions belongs to the one where it
begins. What no region covers, the stop token above all, is `other`.

The region `injected` is text that a tool put into the response. Nobody wants a model that makes up what its tools
say: such text is read and never learned, whatever else holds for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch

from bluebook.errors import DataError, ParamsError
from bluebook.records import INJECTED, REGIONS_FILE, Region

OTHER = "other"
COLUMNS = 4  # of a tally: tokens, nats, tokens right, nats of the syntax penalty


class RegionLoss(msgspec.Struct, kw_only=True, frozen=True):
    """Mean nats a supervised token, and the share of tokens that the model finds most probable."""

    loss: float
    accuracy: float
    tokens: int


class Measured(msgspec.Struct, kw_only=True, frozen=True):
    """Losses over a set of supervised tokens, each counted once. `penalty`: mean nats of the syntax penalty."""

    loss: float
    accuracy: float
    tokens: int
    penalty: float
    regions: dict[str, RegionLoss]  # those that have a token

    def rounded(self, digits: int) -> dict[str, RegionLoss]:
        """The regions, to so many digits."""
        return {
            name: RegionLoss(
                loss=round(found.loss, digits), accuracy=round(found.accuracy, digits), tokens=found.tokens
            )
            for name, found in self.regions.items()
        }


def region_names(dataset: Path) -> tuple[str, ...]:
    """`other` and the regions of a dataset folder; a region's number is its place here."""
    path = dataset / REGIONS_FILE
    if not path.exists():
        return (OTHER,)
    try:
        names = msgspec.json.decode(path.read_bytes(), type=list[str])
    except msgspec.DecodeError as error:
        raise DataError(path, None, f"expected a list of region names: {error}") from error
    return (OTHER, *names)


def token_regions(
    regions: Sequence[Region], spans: Sequence[tuple[int, int]], names: Sequence[str]
) -> list[int]:
    """The region of each token, by its number; `spans` are the tokens' characters in the response.

    A token that touches injected text at all is injected: half of it learned is half of it made up.
    """
    found = []
    for start, end in spans:
        number = 0
        for region in regions:
            touches = start < region.end and end > region.start
            if (region.name == INJECTED and touches) or region.start <= start < min(end, region.end):
                number = names.index(region.name)
                if region.name == INJECTED:
                    break
        found.append(number)
    return found


def weights(settings: Mapping[str, float], names: Sequence[str], tokens: Sequence[int]) -> tuple[float, ...]:
    """A weight for each region, scaled so that their mean over the supervised tokens (`tokens` of each) is 1.

    So weights say what matters more, and nothing about how large steps are: any equal weights are no weights. Raises
    ParamsError for a region that no row has, for injected text, and for a weight that is not above 0.
    """
    where = "train.regions"
    for name, weight in settings.items():
        if name == INJECTED:
            raise ParamsError(
                f"{where}: {INJECTED!r} has weight {weight}; text that a tool puts in is never learned"
            )
        if name not in names:
            known = ", ".join(known for known in names if known != INJECTED)
            raise ParamsError(f"{where}: unknown region {name!r}; the rows of this subject have {known}")
        if not weight > 0:
            raise ParamsError(
                f"{where}: {name} has weight {weight}, expected one above 0; an answer with a part that is "
                f"never learned cannot be written"
            )
    asked = [settings.get(name, 1.0) for name in names]
    total = sum(weight * count for weight, count in zip(asked, tokens, strict=True))
    scale = sum(tokens) / total if total else 1.0
    return tuple(weight * scale for weight in asked)


class Tally:
    """Running sums of losses by region, on the device where they are made: nothing waits until they are read."""

    def __init__(self, names: Sequence[str], device: torch.device) -> None:
        self.names = tuple(names)
        self.sums = torch.zeros(len(self.names), COLUMNS, dtype=torch.float64, device=device)

    def add(self, found: Any, regions: torch.Tensor) -> None:
        """Count TokenLosses, whose tokens lie in `regions`."""
        with torch.no_grad():
            columns = torch.stack(
                [torch.ones_like(found.nll), found.nll, found.correct.to(found.nll), found.penalty], dim=1
            ).double()
            # A product, not a scatter: on a GPU that would add in another order every time.
            self.sums += torch.nn.functional.one_hot(regions, len(self.names)).double().T @ columns

    def read(self, sums: torch.Tensor | None = None) -> Measured | None:
        """What was counted (or `sums`, where several processes have been added up); None without a token."""
        rows = (self.sums if sums is None else sums).tolist()
        tokens, nats, right, penalty = (sum(column) for column in zip(*rows, strict=True))
        if not tokens:
            return None
        return Measured(
            loss=nats / tokens,
            accuracy=right / tokens,
            tokens=int(tokens),
            penalty=penalty / tokens,
            regions={
                name: RegionLoss(loss=row[1] / row[0], accuracy=row[2] / row[0], tokens=int(row[0]))
                for name, row in zip(self.names, rows, strict=True)
                if row[0]
            },
        )

    def load(self, sums: Sequence[Sequence[float]]) -> None:
        """Go on from sums that were read off before."""
        self.sums.copy_(torch.tensor(sums, dtype=torch.float64))

    def clear(self) -> None:
        self.sums.zero_()
