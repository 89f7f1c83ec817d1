"""The long-form quota: never too many, filled up where there is material, the same for the same seed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.subjects.persona.quota import LONG_CEILING, Form, Quota, Verdict


def decide(forms: list[Form], share: float = 0.075, seed: int = 7) -> list[Verdict]:
    quota = Quota(share, seed)
    for n, form in enumerate(forms):
        quota.count(f"m-{n}", form)
    quota.settle()
    return [quota.verdict(f"m-{n}", form) for n, form in enumerate(forms)]


@given(st.lists(st.sampled_from(list(Form)), max_size=400), st.floats(0.0, 0.1))
def test_long_replies_never_exceed_the_ceiling(forms: list[Form], share: float) -> None:
    verdicts = decide(forms, share)
    kept = [verdict for verdict in verdicts if verdict is not Verdict.DROP]
    assert kept.count(Verdict.LONG) <= LONG_CEILING * len(kept) + 1e-9
    for form, verdict in zip(forms, verdicts, strict=True):
        allowed = {
            Form.SHORT: {Verdict.SHORT},
            Form.FORCED: {Verdict.LONG, Verdict.DROP},
        }.get(form, {Verdict.SHORT, Verdict.LONG})
        assert verdict in allowed


def test_the_quota_is_filled_from_really_long_replies_first() -> None:
    forms = [Form.SHORT] * 900 + [Form.FORCED] * 20 + [Form.LONGISH] * 50 + [Form.REALLY_LONG] * 30
    verdicts = decide(forms)
    assert verdicts.count(Verdict.LONG) == 75
    assert set(verdicts[900:920]) == {Verdict.LONG}
    assert set(verdicts[970:]) == {Verdict.LONG}
    assert verdicts[920:970].count(Verdict.LONG) == 25


def test_forced_replies_over_the_ceiling_are_dropped_and_no_more() -> None:
    verdicts = decide([Form.SHORT] * 90 + [Form.FORCED] * 30)
    assert verdicts.count(Verdict.LONG) == 10
    assert verdicts.count(Verdict.DROP) == 20


def test_the_seed_decides_and_nothing_else() -> None:
    forms = [Form.SHORT] * 300 + [Form.REALLY_LONG] * 100
    assert decide(forms, seed=1) == decide(forms, seed=1)
    assert decide(forms, seed=1) != decide(forms, seed=2)


@pytest.mark.parametrize("forms", [[], [Form.SHORT], [Form.REALLY_LONG]])
def test_few_records_have_no_room_for_long_ones(forms: list[Form]) -> None:
    assert decide(forms) == [Verdict.SHORT] * len(forms)
