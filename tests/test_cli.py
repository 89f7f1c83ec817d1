"""The verbs, on a small repository of the toy subject."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml

from bluebook import cli, subjects
from bluebook.artifacts import write_json
from bluebook.exams.grade import grade_exam
from bluebook.params import Local
from bluebook.records import write_jsonl
from bluebook.runs import watching
from tests.exams.conftest import exam, written
from tests.exams.test_stages import add_models
from tests.reports.test_history import git
from tests.toy import Prefix

ROOT = Path(__file__).parents[1]


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`params.yaml` with the subject `prefix`; the working folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(subjects.SUBJECTS, "prefix", "tests.toy")
    settings: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["subjects"] = {"prefix": settings["subjects"]["persona"]}
    settings["subjects"]["prefix"]["exam"] = {
        "mode": "free",
        "max_new_tokens": 12,
        "max_seconds": 60,
        "max_items": 0,
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


@pytest.fixture
def run(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """`bluebook` with these arguments, in this process; the console entry point itself."""

    def call(*arguments: str, stdin: bytes = b"") -> Ran:
        file = repository / "stdin"
        file.write_bytes(stdin)
        monkeypatch.setattr(sys, "argv", ["bluebook", *arguments])
        with file.open() as opened, pytest.raises(SystemExit) as ended:
            monkeypatch.setattr(sys, "stdin", opened)
            cli.main()
        code = ended.value.code
        out, err = capfd.readouterr()
        return Ran(0 if code is None else int(code), out, err)

    return call


VERBS = ("ingest", "check", "grade", "ask", "status", "diff", "doctor", "deploy")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(run: Run, verb: str) -> None:
    ran = run(verb, "--help")
    assert ran.code == 0
    assert f"bluebook {verb} " in ran.out.split("Arguments")[0].split("Options")[0].partition("\n\n")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-verb"],
        ["check"],
        ["check", "no-such-subject", "-"],
        ["check", "prefix", "no-such-file"],
        ["check", "prefix", "-", "--no-such-option"],
        ["grade", "prefix", "--exam", "no-such-file", "--answers", "no-such-file"],
        ["ingest", "prefix", "--raw", "no-such-folder", "--out", "a", "--ledger", "b"],
        ["ingest", "prefix", "--raw", "."],
        ["status", "no-such-subject"],
        ["diff"],
        ["doctor", "persona"],
        ["ask", "prefix", ""],
        ["deploy", "prefix"],
        ["deploy", "prefix", "--to", "the-moon"],
        ["deploy", "no-such-subject", "--to", "gguf"],
        ["deploy", "prefix", "--to", "gguf", "--quantisation", "Q2"],
        ["ask", "prefix", " \n"],
        ["ask", "prefix"],
        ["train", "watch", "no-such-subject"],
        ["train", "stop", "no-such-subject"],
        ["train", "resume", "no-such-subject"],
        ["train", "preset", "no-such-machine"],
    ],
    ids=" ".join,
)
def test_wrong_use_exits_2_and_says_why(run: Run, arguments: Sequence[str]) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage" in ran.err


def test_light_verbs_import_nothing_heavy() -> None:
    heavy = "'torch', 'transformers', 'dvc', 'great_expectations', 'pandas', 'numpy', 'rich'"
    code = (
        "import sys; from bluebook import cli; sys.argv = ['bluebook', {!r}, '--help']\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        f"print([name for name in ({heavy}) if name in sys.modules], file=sys.stderr)"
    )
    for verb in ("--help", "check"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(verb)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("add(1, mul(2, 3))", 0, ""),
        ("add(1, mul(2, 3))\r\n", 0, ""),
        ("\ufeffadd(1, 2)", 0, ""),
        ("add(1, 100)", 1, ":1:7: too_large"),
        ("add(1 2)", 1, ":1:7: parse"),
        ("", 1, ":1:1: parse"),
    ],
)
def test_check(run: Run, repository: Path, text: str, code: int, place: str) -> None:
    file = repository / "answer.txt"
    file.write_bytes(text.encode())
    ran = run("check", "prefix", str(file))
    assert ran.code == code
    assert f"{file}{place}" in ran.out
    assert run("check", "prefix", "-", stdin=text.encode()).code == code


def test_check_for_programs(run: Run) -> None:
    good = json.loads(run("check", "prefix", "-", "--json", stdin=b"add(1, 2)").out)
    assert (good["valid"], good["constructs"], good["diagnostics"]) == (True, {"add": 1}, [])
    ran = run("check", "prefix", "-", "--json", stdin=b"add(1, 100)")
    [found] = json.loads(ran.out)["diagnostics"]
    assert (ran.code, found["line"], found["column"], found["code"], found["construct"]) == (
        1,
        1,
        7,
        "too_large",
        "add",
    )


def test_text_that_is_not_utf_8_is_refused_by_line(run: Run) -> None:
    ran = run("check", "prefix", "-", stdin=b"add(1,\n\xff)")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: -:2: not UTF-8")


def test_outside_a_repository_one_line_says_so(run: Run, repository: Path) -> None:
    (repository / "params.yaml").unlink()
    ran = run("check", "prefix", "-")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "params.yaml" in ran.err


def test_ingest(run: Run, repository: Path) -> None:
    raw = repository / "raw"
    raw.mkdir()
    (raw / "a.txt").write_text("add(1, 2)")
    (raw / "b.txt").write_text("add(1")
    ran = run(
        "ingest", "prefix", "--raw", "raw", "--out", "out/records.jsonl", "--ledger", "out/ledger.jsonl"
    )
    assert ran.code == 0
    assert "2 files: 1 kept, 1 quarantined; 1 records" in ran.out
    ledger = [json.loads(line) for line in (repository / "out/ledger.jsonl").read_text().splitlines()]
    assert [line["outcome"] for line in ledger] == ["kept", "quarantined"]
    assert len((repository / "out/records.jsonl").read_text().splitlines()) == 1
    assert sorted(file.name for file in (repository / "out").iterdir()) == ["ledger.jsonl", "records.jsonl"]
    assert sorted(file.name for file in raw.iterdir()) == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("raw", "out", "ledger"),
    [
        ("raw", "raw/records.jsonl", "ledger.jsonl"),
        ("raw", "records.jsonl", "raw/new/ledger.jsonl"),
        ("raw", "records.jsonl", "link/ledger.jsonl"),
        ("raw/a.txt", "raw/a.txt", "ledger.jsonl"),
        ("raw", "same.jsonl", "./same.jsonl"),
    ],
)
def test_ingest_keeps_its_outputs_out_of_raw_and_apart(
    run: Run, repository: Path, raw: str, out: str, ledger: str
) -> None:
    (repository / "raw").mkdir()
    (repository / "raw/a.txt").write_text("add(1, 2)")
    (repository / "link").symlink_to("raw")
    ran = run("ingest", "prefix", "--raw", raw, "--out", out, "--ledger", ledger)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage" in ran.err
    assert [file.name for file in (repository / "raw").iterdir()] == ["a.txt"]
    assert (repository / "raw/a.txt").read_text() == "add(1, 2)"
    assert not list(repository.glob("*.jsonl"))


@pytest.mark.parametrize("out", ["file/records.jsonl", "file/new/records.jsonl", "/proc/records.jsonl"])
def test_an_output_that_cannot_be_written_is_one_line(run: Run, repository: Path, out: str) -> None:
    (repository / "raw").mkdir()
    (repository / "raw/a.txt").write_text("add(1, 2)")
    (repository / "file").write_text("")
    ran = run("ingest", "prefix", "--raw", "raw", "--out", out, "--ledger", "ledger.jsonl")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith(f"error: {out.removesuffix('/records.jsonl')}")
    assert ".tmp" not in ran.err


def test_a_full_disk_is_one_line(run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))

    (repository / "raw").mkdir()
    (repository / "raw/a.txt").write_text("add(1, 2)")
    monkeypatch.setattr(Path, "replace", full)
    ran = run("ingest", "prefix", "--raw", "raw", "--out", "records.jsonl", "--ledger", "ledger.jsonl")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "the disk is full" in ran.err


def test_grade(run: Run, repository: Path) -> None:
    items = exam(30)
    write_jsonl(repository / "exam.jsonl", items)
    texts = [item.reference if index % 3 else "add(" for index, item in enumerate(items)]
    answers = [written(item, text) for item, text in zip(items, texts, strict=True)]
    write_jsonl(repository / "answers.jsonl", answers)
    arguments = ["grade", "prefix", "--exam", "exam.jsonl", "--answers", "answers.jsonl"]
    told = json.loads(run(*arguments, "--json").out)
    assert told["mastery"]["valid_rate"] == pytest.approx(2 / 3)
    assert len(told["grades"]) == 30
    ran = run(*arguments)
    assert ran.code == 0
    assert "66.7%" in ran.out


def test_answers_to_another_exam_are_refused(run: Run, repository: Path) -> None:
    write_jsonl(repository / "exam.jsonl", exam(5))
    write_jsonl(repository / "answers.jsonl", [written(item, "add(1, 2)") for item in exam(5, seed=8)])
    ran = run("grade", "prefix", "--exam", "exam.jsonl", "--answers", "answers.jsonl")
    assert (ran.code, ran.out, ran.err[:7]) == (1, "", "error: ")


def test_no_answers_are_an_error(run: Run, repository: Path) -> None:
    write_jsonl(repository / "exam.jsonl", exam(5))
    (repository / "answers.jsonl").write_text("")
    ran = run("grade", "prefix", "--exam", "exam.jsonl", "--answers", "answers.jsonl")
    assert (ran.code, ran.out) == (1, "")
    assert "no answers in answers.jsonl" in ran.err


def test_ask(run: Run, repository: Path) -> None:
    """The model is untrained: what it writes is a finding, and the same each time."""
    add_models(repository, "full")
    ran = run("ask", "prefix", "(1 + 2)", "--json")
    told = json.loads(ran.out)
    assert ran.code == 1
    assert told["diagnostics"] or told["finish"] != "stop"
    again = run("ask", "prefix", stdin=b"(1 + 2)\n")
    assert (again.code, again.out) == (1, told["text"] + "\n")


def test_ask_before_anything_is_trained(run: Run) -> None:
    ran = run("ask", "prefix", "(1 + 2)")
    assert (ran.code, ran.out) == (1, "")
    assert "dvc repro" in ran.err


def _add_mastery(repository: Path, right: int) -> None:
    items = exam(60)
    answers = [written(item, item.reference if index < right else "add(") for index, item in enumerate(items)]
    graded = grade_exam(Prefix(), items, answers)
    write_json(repository / "metrics/prefix/mastery.json", graded.mastery)


def _dvc(repository: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=repository, check=True, capture_output=True)


def test_status_tells_what_is_stale(run: Run, repository: Path) -> None:
    stage = {"cmd": "echo made > made.txt", "deps": ["source.txt"], "params": ["seed"], "outs": ["made.txt"]}
    (repository / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": stage}}))
    (repository / "source.txt").write_text("one")
    _dvc(repository, "init", "--no-scm")
    _dvc(repository, "repro")
    _add_mastery(repository, 50)
    told = json.loads(run("status", "--json").out)
    assert told["stale"] == {}
    assert told["subjects"]["prefix"]["gate"] is None
    assert told["subjects"]["prefix"]["holdout"]["n"] == 60
    (repository / "source.txt").write_text("two")
    params = (repository / "params.yaml").read_text()
    (repository / "params.yaml").write_text(re.sub(r"(?m)^seed: \d+$", "seed: 12345", params))
    told = json.loads(run("status", "prefix", "--json").out)
    assert told["stale"] == {"make": ["seed modified", "source.txt modified"]}
    ran = run("status")
    assert ran.code == 0
    assert "make: seed modified, source.txt modified" in ran.out
    assert "mul" in ran.out


def test_status_names_what_is_unhealthy(run: Run, repository: Path) -> None:
    finding = {"value": 1, "threshold": 0, "advice": "fewer epochs"}
    found = [
        {"rule": "warmup", "level": "CRITICAL", "detail": "never warm", **finding},
        {"rule": "memorising", "level": "WARNING", "detail": "by heart", **finding},
        {"rule": "plateau", "level": "SUGGESTION", "detail": "flat", **finding},
    ]
    write_json(repository / "metrics/prefix/health.json", {"findings": found, "levels": {}})
    told = run("status").out
    assert "CRITICAL warmup: never warm. fewer epochs" in told
    assert "WARNING memorising: by heart" in told
    assert "flat" not in told
    assert len(json.loads(run("status", "--json").out)["subjects"]["prefix"]["health"]["findings"]) == 3


def test_status_names_a_file_of_another_version_and_goes_on(run: Run, repository: Path) -> None:
    _add_mastery(repository, 50)
    write_json(repository / "metrics/prefix/practice.json", {"subject": "prefix", "n": 3})
    ran = run("status")
    assert (ran.code, ran.err) == (0, "")
    assert "metrics/prefix/practice.json" in ran.out and "run its stage again" in ran.out
    assert "mul" in ran.out and "stale:" in ran.out
    told = json.loads(run("status", "--json").out)["subjects"]["prefix"]
    assert told["practice"] is None and len(told["unreadable"]) == 1
    assert told["holdout"]["n"] == 60


def test_watch(run: Run) -> None:
    ran = run("train", "watch", "prefix")
    assert (ran.code, ran.out) == (1, "")
    assert "no training yet" in ran.err
    ran = run("train", "watch", "prefix", "--json")
    assert (ran.code, json.loads(ran.out)) == (1, {"standing": "none", "run": None})
    with watching("prefix", Local()) as watch:
        watch.begin(0, 10)
        watch.stepped(3, 0.3)
        for look in ((), ("--once",)):
            ran = run("train", "watch", "prefix", *look)
            assert ran.code == 0
            assert "step 3 of 10" in ran.out
        told = json.loads(run("train", "watch", "prefix", "--json").out)
        assert (told["standing"], told["run"]["step"]) == ("running", 3)
    told = json.loads(run("train", "watch", "prefix", "--json").out)
    assert told["standing"] == "completed"
    with pytest.raises(ValueError, match="broke"), watching("prefix", Local()):
        raise ValueError("broke")
    ran = run("train", "watch", "prefix")
    assert ran.code == 1
    assert "broke" in ran.out


def test_status_of_a_fresh_clone_without_dvc(run: Run) -> None:
    ran = run("status")
    assert (ran.code, ran.err) == (0, "")
    assert "not built yet" in ran.out
    assert "stale: unknown" in ran.out


def test_doctor_exits_1_when_something_blocks(run: Run, repository: Path) -> None:
    ran = run("doctor", "--json")
    assert ran.code == 1
    told = json.loads(ran.out)
    assert told["blocks"]  # no requirements.lock in this folder
    assert all(finding["advice"] for finding in told["findings"] if finding["level"] != "fine")
    for name in ("requirements.lock", "pyproject.toml"):
        (repository / name).write_text((ROOT / name).read_text())
    (repository / "local.yaml").write_text("device: cpu\n")
    git(repository, "init", "-q")
    _dvc(repository, "init")
    (repository / "dvc.yaml").write_text("stages: {}\n")
    ran = run("doctor")
    assert "blocks" not in ran.out and ran.code == 0, ran.out
    assert "computes right on cpu" in ran.out


def test_diff_exits_1_when_something_was_forgotten(run: Run, repository: Path) -> None:
    git(repository, "init", "-q")
    for right in (55, 10):
        _add_mastery(repository, right)
        git(repository, "add", "metrics")
        git(repository, "commit", "-q", "-m", f"{right} right")
    ran = run("diff", "HEAD~1", "HEAD", "--json")
    assert ran.code == 1
    [told] = json.loads(ran.out)
    assert {change["verdict"] for change in told["changes"]} == {"forgotten"}
    ran = run("diff", "HEAD", "HEAD~1")
    assert ran.code == 0
    assert "learned" in ran.out
    assert run("diff", "HEAD").code == 0
    assert "no-such-revision" in run("diff", "no-such-revision").err


def test_diff_refuses_another_version_of_the_exam(run: Run, repository: Path) -> None:
    git(repository, "init", "-q")
    _add_mastery(repository, 55)
    git(repository, "add", "metrics")
    git(repository, "commit", "-q", "-m", "one")
    file = repository / "metrics/prefix/mastery.json"
    file.write_text(file.read_text().replace('"version": "1.0"', '"version": "1.1"'))
    ran = run("diff", "HEAD")
    assert ran.code == 1
    assert "version 1.0" in ran.err and "version 1.1" in ran.err and "prefix" in ran.err
    assert json.loads(run("diff", "HEAD", "--json").out)[0]["changes"] == []


def test_grade_takes_both_modes_and_loads_no_model_library(repository: Path) -> None:
    items = exam(30)
    free = [written(item, "prose") for item in items]
    constrained = [
        msgspec.structs.replace(written(item, item.reference), mode="constrained") for item in items
    ]
    write_jsonl(repository / "exam.jsonl", items)
    write_jsonl(repository / "answers.jsonl", [*free, *constrained])
    for options, score in (([], 0.0), (["--mode", "constrained"], 1.0)):
        arguments = [
            "grade",
            "prefix",
            "--exam",
            "exam.jsonl",
            "--answers",
            "answers.jsonl",
            "--json",
            *options,
        ]
        code = (
            "import sys; from bluebook import cli, subjects; subjects.SUBJECTS['prefix'] = 'tests.toy'\n"
            f"sys.argv = {['bluebook', *arguments]!r}\n"
            "try: cli.main()\n"
            "except SystemExit as left: assert not left.code, left\n"
            "assert not {'torch', 'transformers', 'peft', 'dvc', 'vllm'} & set(sys.modules)"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["mastery"]["score"], told["mastery"]["n"], len(told["grades"])) == (score, 30, 60)
