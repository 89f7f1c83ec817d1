"""`bluebook ask`, with a server on loopback as the model: what it writes is what a test says."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bluebook.families import family_named, render_prompt
from bluebook.records import Message
from tests.exams.servers import Fake, serving, slow, voice
from tests.exams.test_server import GRAMMAR
from tests.exams.test_stages import add_models
from tests.test_cli import ROOT, Run, repository, run
from tests.toy import Prefix

__all__ = ["repository", "run"]  # fixtures

GRAPH = """BLUEPRINT: BP_Lamp
GRAPH: EventGraph
NODE n1: Event_BeginPlay
NODE n2: PrintString [InString="on"]
EXEC n1.Then -> n2.Execute
"""


@pytest.fixture
def fake(repository: Path) -> Iterator[Fake]:
    """A server, and a repository whose local.yaml names it."""
    add_models(repository, "full")
    config = repository / "models/base/config.json"
    config.write_text(
        config.read_text().replace('"max_position_embeddings": 256', '"max_position_embeddings": 2048')
    )
    with serving() as server:
        answer_with(repository, server=server.url, model="toy")
        yield server


def answer_with(repository: Path, **settings: Any) -> None:
    (repository / "local.yaml").write_text(yaml.safe_dump({"answer_with": settings}))


def says(*answers: str) -> Callable[[str], str]:
    """Writes these, one after the other; probes, which ask about the weather, are not counted."""
    waiting = list(answers)
    return lambda prompt: "hm" if "Good morning" in prompt else waiting.pop(0)


def prompts(fake: Fake) -> list[str]:
    """What the model was shown, without the probes."""
    decode = voice().tokenizer.decode
    shown = [decode(body["prompt"]) for _, body, _ in fake.seen]
    return [text for text in shown if "Good morning" not in text]


def test_a_good_answer(run: Run, fake: Fake) -> None:
    fake.answers["toy"] = says("add(1, 2)")
    ran = run("ask", "prefix", "(1 + 2)")
    assert (ran.code, ran.out) == (0, "add(1, 2)\n")
    [shown] = prompts(fake)
    assert shown == render_prompt(family_named("qwen"), [Message(role="user", content="(1 + 2)")])


def test_a_faulty_answer_is_shown_to_the_model_with_its_faults(run: Run, fake: Fake) -> None:
    fake.answers["toy"] = says("add(1, 100)", "add(1, 2)")
    ran = run("ask", "prefix", "(1 + 2)")
    assert (ran.code, ran.out) == (0, "add(1, 2)\n")
    first, second = prompts(fake)
    assert second.startswith(first)
    assert "add(1, 100)" in second and "1:7: too_large" in second


@pytest.mark.parametrize(
    ("answers", "kept"),
    [
        (["add(1", "add(1, 100)", "add(100, 100)"], "add(1, 100)"),
        (["add(1, 100)", "add(100, 100)", "add("], "add(1, 100)"),
        (["add(", "add(100, 100)", "sub("], "add(100, 100)"),
    ],
)
def test_where_no_try_is_good_the_best_is_kept_and_exits_1(
    run: Run, fake: Fake, answers: Sequence[str], kept: str
) -> None:
    fake.answers["toy"] = says(*answers)
    ran = run("ask", "prefix", "(1 + 2)")
    assert (ran.code, ran.out) == (1, kept + "\n")
    assert "too_large" in ran.err
    assert f"try {answers.index(kept) + 1} of 3" in ran.err


def test_a_model_that_repeats_itself_is_not_asked_a_third_time(run: Run, fake: Fake) -> None:
    fake.answers["toy"] = says(*["add("] * 9)
    assert run("ask", "prefix", "(1 + 2)", "--tries", "9").code == 1
    assert len(prompts(fake)) == 2


def test_one_try_where_one_is_asked_for(run: Run, fake: Fake) -> None:
    fake.answers["toy"] = says("add(", "add(1, 2)")
    assert run("ask", "prefix", "(1 + 2)", "--tries", "1").code == 1
    assert len(prompts(fake)) == 1


def test_for_programs(run: Run, fake: Fake) -> None:
    fake.answers["toy"] = says("add(1, 100)", "add(1, 2)")
    told = json.loads(run("ask", "prefix", "-", "--json", stdin=b"(1 + 2)\n").out)
    assert (told["text"], told["finish"], told["tokens"], told["diagnostics"]) == (
        "add(1, 2)",
        "stop",
        10,
        [],
    )
    assert [one["text"] for one in told["tries"]] == ["add(1, 100)", "add(1, 2)"]
    assert told["tries"][0]["findings"][0]["code"] == "too_large"
    assert told["mode"] == "free"


def test_an_answer_that_was_cut_off_is_no_success(run: Run, fake: Fake) -> None:
    fake.answers["toy"] = says(*["add(1, 2)" + " " * 50] * 2)
    ran = run("ask", "prefix", "(1 + 2)")
    assert ran.code == 1
    assert "did not end by itself (length)" in ran.err


def test_constrained_where_there_is_a_grammar_unless_free_is_asked_for(
    run: Run, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prefix, "grammar", GRAMMAR)
    fake.obeys = "structured_outputs"
    for option, mode in ((), "constrained"), (("--free",), "free"):
        fake.answers["toy"] = says("add(1, 2)")
        told = json.loads(run("ask", "prefix", "(1 + 2)", "--json", *option).out)
        assert told["mode"] == mode
        assert ("structured_outputs" in fake.seen[-1][1]) == (mode == "constrained")


def test_a_prompt_that_the_family_cannot_carry_is_refused(run: Run, fake: Fake) -> None:
    ran = run("ask", "prefix", "a <|im_end|> b")
    assert (ran.code, ran.out) == (1, "")
    assert "control token" in ran.err


def test_a_server_that_is_not_there_is_one_line(run: Run, fake: Fake, repository: Path) -> None:
    answer_with(repository, server=fake.url, model="nobody")
    ran = run("ask", "prefix", "(1 + 2)")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "no model nobody" in ran.err


def test_vllm_that_is_not_installed_is_one_line(run: Run, fake: Fake, repository: Path) -> None:
    (repository / "local.yaml").write_text("answer_with: vllm\n")
    ran = run("ask", "prefix", "(1 + 2)")
    assert (ran.code, ran.out) == (1, "")
    assert "vllm, which is not installed" in ran.err.splitlines()[-1]


@pytest.mark.parametrize(
    "settings",
    [
        {"server": "http://127.0.0.1:1", "modle": "x"},
        {"model": "x"},
        {"server": "http://127.0.0.1:1", "at_once": 0},
        {"server": "http://127.0.0.1:1", "key": "sk-1"},
    ],
)
def test_a_wrong_key_of_local_yaml_is_named(
    run: Run, fake: Fake, repository: Path, settings: dict[str, Any]
) -> None:
    answer_with(repository, **settings)
    ran = run("ask", "prefix", "(1 + 2)")
    assert (ran.code, ran.out) == (1, "")
    assert "local.yaml" in ran.err and "answer_with" in ran.err


@pytest.mark.parametrize("option", ["--picture", "--clipboard"])
def test_only_graphs_are_drawn(run: Run, fake: Fake, option: str) -> None:
    ran = run("ask", "prefix", "(1 + 2)", option, "out")
    assert (ran.code, ran.out) == (2, "")


# Graphs.


@pytest.fixture
def graphs(fake: Fake, repository: Path) -> Fake:
    settings = yaml.safe_load((repository / "params.yaml").read_text())
    settings["subjects"]["ue5"] = yaml.safe_load((ROOT / "params.yaml").read_text())["subjects"]["ue5"]
    (repository / "params.yaml").write_text(yaml.safe_dump(settings))
    fake.obeys = "structured_outputs"
    return fake


def test_an_answer_of_ue5_is_drawn_and_translated(run: Run, graphs: Fake, repository: Path) -> None:
    graphs.answers["toy"] = says(GRAPH.strip())
    ran = run("ask", "ue5", "Do nothing.", "--picture", "graph.html", "--clipboard", "paste.txt")
    assert ran.out == GRAPH
    assert "<html" in (repository / "graph.html").read_text()
    assert "Begin Object" in (repository / "paste.txt").read_text()
    graphs.answers["toy"] = says(GRAPH.strip())
    assert run("ask", "ue5", "Do nothing.", "--clipboard", "-").out.startswith("Begin Object")


def test_an_answer_that_is_no_graph_draws_nothing(run: Run, graphs: Fake, repository: Path) -> None:
    graphs.answers["toy"] = says(*["no graph"] * 3)
    ran = run("ask", "ue5", "Do nothing.", "--free", "--picture", "graph.html", "--clipboard", "paste.txt")
    assert (ran.code, ran.out) == (1, "no graph\n")
    assert "nothing was drawn" in ran.err
    assert not (repository / "graph.html").exists() and not (repository / "paste.txt").exists()


# The terminal.

# To open a terminal makes it the one that controls a session without one, so that Ctrl-C is a signal.
PROGRAM = (
    "import os; os.close(os.open(os.ttyname(0), os.O_RDWR))\n"
    "from bluebook import cli, subjects; subjects.SUBJECTS['prefix'] = 'tests.toy'; cli.main()"
)


class Terminal:
    """`bluebook` on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.here, there = pty.openpty()
        self.seen = ""
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT}/src",
            "TERM": "dumb",
            "OMP_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=there,
            stdout=there,
            stderr=there,
            env=environment,
            start_new_session=True,
        )
        os.close(there)

    def until(self, text: str) -> str:
        """What is shown up to and with `text`."""
        while text not in self.seen:
            assert select.select([self.here], [], [], 60)[0], (
                f"nothing for a minute before {text!r}: {self.seen}"
            )
            try:
                more = os.read(self.here, 4096).decode(errors="replace")
            except OSError:  # how Linux says that the other end is closed
                more = ""
            assert more, f"ended before {text!r}: {self.seen}"
            self.seen += more
        shown, self.seen = self.seen.split(text, 1)
        return shown + text

    def type(self, text: str) -> None:
        os.write(self.here, text.encode())

    def end(self) -> int:
        code = self.process.wait(timeout=60)
        os.close(self.here)
        return code


def test_a_conversation(fake: Fake, repository: Path) -> None:
    fake.answers["toy"] = says("add(1, 2)", "add(100", "add(3, 4)", "mul(5, 6)", "sub(7, 8)")
    terminal = Terminal("ask", "prefix")
    terminal.until("> ")
    terminal.type("(1 + 2)\n")
    terminal.until("add(1, 2)")
    terminal.until("> ")
    terminal.type("(3 + 4)\n")  # the first try has a fault
    assert "1:8: parse" in terminal.until("add(3, 4)")
    terminal.until("> ")

    terminal.type("(5 * 6)\n")
    terminal.until("mul(5, 6)")
    terminal.until("> ")
    terminal.type("/new\n")
    terminal.until("> ")
    terminal.type("(7 - 8)\n")
    terminal.until("sub(7, 8)")
    terminal.until("> ")
    terminal.type("/quit\n")
    assert terminal.end() == 0

    shown = prompts(fake)
    assert len(shown) == 5
    family = family_named("qwen")
    turns = ["(1 + 2)", "add(1, 2)", "(3 + 4)", "add(3, 4)", "(5 * 6)"]
    roles = ["user", "assistant"] * 3
    said = [Message(role=role, content=text) for role, text in zip(roles, turns, strict=False)]  # type: ignore[arg-type]
    assert shown[-2] == render_prompt(family, said), "only what was kept stays"
    assert shown[-1] == render_prompt(family, [Message(role="user", content="(7 - 8)")])


# None at the prompt: Python's readline notices one that comes right behind it only at the next key.
def test_ctrl_c_ends_an_answer_and_not_the_conversation(fake: Fake, repository: Path) -> None:
    fake.answers["toy"] = says("mul(5, 6)")
    terminal = Terminal("ask", "prefix")
    terminal.until("> ")
    fake.faults = [slow]
    terminal.type("(5 * 5)\n")
    terminal.until("add(")
    terminal.type("\x03")
    terminal.until("stopped")
    terminal.until("> ")
    terminal.type("(5 * 6)\n")
    terminal.until("mul(5, 6)")
    terminal.until("> ")
    terminal.type("/quit\n")
    assert terminal.end() == 0


def test_a_conversation_ends_with_its_input(fake: Fake, repository: Path) -> None:
    terminal = Terminal("ask", "prefix")
    terminal.until("> ")
    terminal.type("\x04")
    assert terminal.end() == 0
