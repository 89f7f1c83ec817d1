"""What counts as mastered, forgotten, slipped and progress."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bluebook.errors import BluebookError
from bluebook.health.evidence import Shown
from bluebook.reports.cycles import Cycle, Outcome
from bluebook.teaching.judge import by_chance, ended, judge, mastered, targets, without_progress


def shown(right: int, n: int = 20, items: str = "same") -> Shown:
    return Shown(items=items, right="1" * right + "0" * (n - right))


def cycle(number: int, mastered: int, score: float, outcome: Outcome = "kept") -> Cycle:
    return Cycle(
        commit="", subject="toy", number=number, outcome=outcome, mastered=mastered, score=score, targets=9
    )


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_paired_test_is_scipys(lost: int, gained: int) -> None:
    expected = binomtest(lost, lost + gained, alternative="greater").pvalue if lost + gained else 1.0
    assert by_chance(lost, gained) == pytest.approx(expected, abs=1e-9)


def test_mastered_needs_enough_items() -> None:
    holdout = {"Gear": shown(17), "Lever": shown(16), "Wheel": shown(19, n=19)}
    assert mastered(holdout, 0.85) == {"Gear"}
    assert mastered(holdout, 0.80) == {"Gear", "Lever"}


def test_what_chance_does_not_explain_is_forgotten_and_the_rest_has_slipped() -> None:
    before = {"Gear": shown(20), "Lever": shown(17), "Wheel": shown(3)}
    verdict = judge({"Gear": shown(10), "Lever": shown(16), "Wheel": shown(0)}, [before], 0.85)
    assert [(loss.construct, loss.lost, loss.gained, loss.n) for loss in verdict.forgotten] == [
        ("Gear", 10, 0, 20)
    ]
    assert verdict.slipped == ("Lever",)  # Wheel never was mastered: nothing of it could be forgotten
    assert verdict.mastered == frozenset()


def test_forgetting_a_little_each_cycle_is_forgetting() -> None:
    kept = [{"Gear": shown(right)} for right in (20, 17, 16)]
    assert not judge({"Gear": shown(14)}, kept[2:], 0.85).forgotten
    slow = [{"Gear": shown(right)} for right in (20, 16, 15)]
    assert judge({"Gear": shown(14)}, slow, 0.85).forgotten


def test_other_items_are_not_compared() -> None:
    verdict = judge({"Gear": shown(0, items="rotated")}, [{"Gear": shown(20)}], 0.85)
    assert not verdict.forgotten
    assert verdict.slipped == ("Gear",)


def test_the_more_was_mastered_the_more_a_loss_must_show() -> None:
    """Of many constructs that are tested at once one loses by luck."""
    alone = {"Gear": shown(20)}
    many = alone | {f"c{number}": shown(20) for number in range(9)}
    after = {"Gear": shown(14)}
    assert judge(after, [alone], 0.85).forgotten
    assert not judge(many | after, [many], 0.85).forgotten


def test_targets_that_nobody_can_judge_are_refused_by_name() -> None:
    holdout = {"Gear": shown(20), "Wheel": shown(3, n=3)}
    assert targets(holdout) == {"Gear"}
    with pytest.raises(BluebookError, match=r"Pulley \(0\), Wheel \(3\)"):
        targets(holdout, ["Wheel", "Gear", "Pulley"])
    with pytest.raises(BluebookError, match="no construct has 20 items"):
        targets({"Wheel": shown(3, n=3)})


def test_progress_is_a_further_construct_or_a_better_score() -> None:
    start = cycle(0, 2, 0.50, "start")
    assert without_progress([start, cycle(1, 3, 0.40)]) == 0
    assert without_progress([start, cycle(1, 2, 0.52)]) == 0
    assert without_progress([start, cycle(1, 2, 0.505), cycle(2, 2, 0.505)]) == 2
    # A cycle that was taken back brought nothing, whatever it scored, and is no mark to beat.
    assert without_progress([start, cycle(1, 5, 0.9, "set aside"), cycle(2, 3, 0.6)]) == 0
    assert without_progress([start, cycle(1, 3, 0.6), cycle(2, 5, 0.9, "set aside")]) == 1


def test_a_run_ends_for_one_reason_at_a_time() -> None:
    run = [cycle(0, 2, 0.5, "start"), cycle(1, 3, 0.6)]
    assert ended(run, 1, ()) == "every target is mastered"
    assert ended(run, 2, ["Wheel"]) is None
    assert (ended(run, 1, ["Wheel"]) or "").startswith("1 cycles, and 1 targets are not mastered: Wheel")
    idle = [*run, cycle(2, 3, 0.6), cycle(3, 3, 0.6)]
    assert (ended(idle, 9, ["Wheel"]) or "").startswith("no progress in 2 cycles")
