"""Cycles as commit trailers, and as a table."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bluebook.reports.cycle_section import rows
from bluebook.reports.cycles import Cycle, cycles, parse, trailers
from bluebook.reports.page import page
from bluebook.reports.view import gather

SHARE = st.integers(0, 10_000).map(lambda share: share / 10_000)
NAMES = st.lists(st.from_regex(r"[A-Za-z:_]{1,12}", fullmatch=True), max_size=4).map(tuple)
WORDS = st.lists(st.from_regex(r"[\w.:;]+", fullmatch=True), max_size=5).map(" ".join)

CYCLES = st.builds(
    Cycle,
    commit=st.just("abc"),
    subject=st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
    number=st.integers(0, 999),
    outcome=st.sampled_from(["start", "kept", "set aside"]),
    lesson=st.sampled_from(["", "004"]),
    dataset=st.just("0a1b2c3d"),
    adapter=st.just("9f8e7d6c"),
    exam=st.just("toy-holdout 1 free"),
    n=st.integers(0, 500),
    score=SHARE,
    low=SHARE,
    high=SHARE,
    mastered=st.integers(0, 60),
    targets=st.integers(0, 60),
    gained=NAMES,
    slipped=NAMES,
    forgotten=NAMES,
    teacher=WORDS,
    reason=WORDS,
    minutes=st.integers(0, 9999).map(lambda tenths: tenths / 10),
)


@given(CYCLES)
def test_trailers_say_all_of_a_cycle(cycle: Cycle) -> None:
    assert parse("abc", trailers(cycle)) == cycle


def test_other_trailers_are_not_cycles() -> None:
    assert parse("abc", "Cycle: of songs\nSigned-off-by: somebody") is None
    assert parse("abc", "Cycle: 3\nOutcome: kept\nScore: high\nMastered: 3/4\nMinutes: 1.0") is None


def test_git_tells_the_cycles_of_one_subject_oldest_first(tmp_path: Path) -> None:
    def git(*arguments: str, text: str = "") -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], input=text, text=True, check=True)

    git("init", "--quiet")
    git("config", "user.name", "Test")
    git("config", "user.email", "test@example.com")
    for number, subject in ((0, "toy"), (0, "other"), (1, "toy")):
        told = Cycle(commit="", subject=subject, number=number, outcome="kept", score=0.5, n=20, minutes=1.5)
        git(
            "commit",
            "--quiet",
            "--allow-empty",
            "--file=-",
            text=f"a headline\n\nwords\n\n{trailers(told)}\n",
        )
    git("commit", "--quiet", "--allow-empty", "--message", "Cycle: a person's words")
    found = cycles(tmp_path, "toy")
    assert [(cycle.number, cycle.subject, len(cycle.commit)) for cycle in found] == [
        (0, "toy", 40),
        (1, "toy", 40),
    ]
    assert cycles(tmp_path / "nowhere", "toy") == []
    # The page shows them, among its sections.
    shown = page([gather(tmp_path, "toy", "embedded")])
    assert 'id="s-toy-cycles"' in shown
    assert "50.0" in shown
    assert 'id="s-toy-cycles"' not in page([gather(tmp_path, "untaught", "embedded")])


def test_a_cycle_that_never_sat_its_exam_shows_no_score() -> None:
    [row] = rows(
        [Cycle(commit="", subject="toy", number=2, outcome="set aside", lesson="005", reason="a leak")]
    )
    assert row[:2] == ["2", "005"]
    assert row[5:8] == ["", "", ""]
    assert row[-1] == "set aside; a leak"
