from __future__ import annotations

import msgspec

from bluebook.reports.inputs import Construct, Mastery
from bluebook.reports.retention import retention


def construct(accuracy: float, status: str) -> Construct:
    return Construct(n=30, accuracy=accuracy, low=0.0, high=1.0, status=status)


def result(version: str = "1", mode: str = "free", **constructs: Construct) -> Mastery:
    return Mastery(
        subject="s", exam="e", version=version, mode=mode, n=30, valid_rate=1.0, score=0.5, low=0.4, high=0.6,
        constructs=constructs,
    )  # fmt: skip


BEFORE = result(
    calm=construct(0.9, "mastered"), gale=construct(0.99, "production"), fog=construct(0.5, "learning")
)
BETTER = result(calm=construct(0.96, "ship"), gale=construct(0.5, "learning"), fog=construct(0.5, "learning"))
NOW = result(
    calm=construct(0.85, "mastered"), gale=construct(0.5, "learning"), fog=construct(0.9, "mastered")
)


def test_mastered_once_on_any_earlier_result_counts() -> None:
    found = retention(NOW, [BEFORE, BETTER])
    assert (found.mastered_before, found.kept, found.rate, found.lost) == (2, 1, 0.5, ["gale"])
    assert found.constructs["calm"].best == 0.96
    assert (found.constructs["gale"].best, found.constructs["gale"].now) == (0.99, 0.5)


def test_a_construct_that_is_asked_no_more_is_lost() -> None:
    assert retention(result(calm=construct(0.9, "mastered")), [BEFORE]).lost == ["gale"]


def test_another_version_another_mode_and_the_result_itself_are_no_past() -> None:
    other = [
        msgspec.structs.replace(BEFORE, version="2"),
        msgspec.structs.replace(BEFORE, mode="constrained"),
        NOW,
    ]
    found = retention(NOW, other)
    assert (found.mastered_before, found.rate, found.constructs) == (0, 1.0, {})
