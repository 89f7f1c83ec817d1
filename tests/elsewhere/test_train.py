"""Training elsewhere: the same outputs as here, bytes checked on both sides, nothing left running, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bluebook.elsewhere import host, link
from bluebook.elsewhere import train as far
from bluebook.elsewhere.link import Link, LinkError
from bluebook.elsewhere.parcel import pack
from bluebook.errors import BluebookError, ParamsError
from bluebook.params import TrainOn

from .conftest import ROOT, STAGE, SUBJECT, Sshd, World


def replaced(machine: TrainOn, /, **changes: object) -> TrainOn:
    import msgspec

    return msgspec.structs.replace(machine, **changes)


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for another process; fails where it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def processes(settings: TrainOn) -> list[str]:
    """What still runs there of any run."""
    found = []
    for one in psutil.process_iter(["cmdline", "cwd"]):
        words = " ".join(one.info["cmdline"] or [])
        if settings.folder in f"{words} {one.info['cwd']}":
            found.append(words)
    return found


def nothing_left(settings: TrainOn) -> bool:
    return not processes(settings) and not any((Path(settings.folder) / "runs").glob("*"))


def training(settings: TrainOn) -> bool:
    return any("training begins" in log.read_text() for log in Path(settings.folder).glob("runs/*/log"))


def test_what_comes_back_stands_as_if_trained_here(world: World, machine: TrainOn) -> None:
    spent = world.train(replaced(machine, settings={"device": "cpu"}, per_hour=2.0, budget=10.0))
    assert spent is not None and spent.sent > 3_000_000 and spent.cost > 0
    assert json.loads((world.root / "metrics/persona/train.json").read_text()) == {"loss": 1.5}
    assert world.status() == "{}"
    there = (world.adapter / "weights.bin").read_bytes()
    world.run("dvc", "repro", "--quiet", "--force", "--single-item", STAGE)
    assert (world.adapter / "weights.bin").read_bytes() == there
    assert nothing_left(machine)
    assert not list((world.root / "logs/elsewhere/persona").iterdir())


def test_what_is_up_to_date_goes_nowhere(world: World, here: TrainOn) -> None:
    world.run("dvc", "repro", "--quiet")
    assert world.train(here) is None
    assert not Path(here.folder).exists()


@pytest.mark.slow
def test_a_second_run_is_sent_only_what_is_new(world: World, either: TrainOn) -> None:
    world.train(either)
    world.wait("0.0")
    spent = world.train(either)
    assert spent is not None and spent.sent == len("0.0")


def test_stale_inputs_are_named(world: World, here: TrainOn) -> None:
    (world.root / "data/raw.bin").write_bytes(b"other")
    with pytest.raises(BluebookError, match=r"stale before train@persona: prepare"):
        world.train(here)


def test_local_settings_and_git_s_history_stay_here(world: World, here: TrainOn) -> None:
    parcel = pack(world.root, STAGE)
    assert set(parcel.files) == {"data/set.bin", "data/wait.txt", "stages/train.py", "src/used.py"}
    assert parcel.outs == ["metrics/persona/train.json", "models/adapters/persona"]
    assert parcel.command == f"python stages/train.py {SUBJECT}"


def test_a_dry_run_says_it_all_and_touches_nothing(world: World, either: TrainOn) -> None:
    plan = far.plan(world.root, SUBJECT, replaced(either, per_hour=2.0, budget=10.0))
    assert (plan.files, plan.hours, plan.cost, plan.reached) == (4, 5.0, 10.0, "")
    assert plan.bytes > 3_000_000
    assert not Path(either.folder).exists() and not (world.root / "logs/elsewhere").exists()


def test_a_host_that_is_not_there_is_told_at_once_and_given_back(
    world: World, sshd: Sshd, tmp_path: Path
) -> None:
    nowhere = TrainOn(
        kind="ssh",
        host="127.0.0.1",
        folder=str(tmp_path / "x"),
        options=["-F", "none", "-p", "1"],
        teardown=f"touch {tmp_path}/given-back",
    )
    assert "the connection failed" in far.plan(world.root, SUBJECT, nowhere).reached
    assert not (tmp_path / "given-back").exists()
    with pytest.raises(LinkError, match="the connection failed"):
        world.train(nowhere)
    assert (tmp_path / "given-back").exists()


def test_an_unknown_host_key_is_refused(world: World, sshd: Sshd, tmp_path: Path) -> None:
    """Bytes go to no machine that only claims to be the right one."""
    (tmp_path / "known").touch()
    options = [*sshd.options[:-1], f"UserKnownHostsFile={tmp_path}/known", "-o", "GlobalKnownHostsFile=none"]
    with pytest.raises(LinkError, match="verification failed"):
        world.train(TrainOn(kind="ssh", host="127.0.0.1", folder=str(tmp_path / "x"), options=options))


@pytest.mark.parametrize("wrong", [{"per_hour": 1.0}, {"budget": 1.0}])
def test_a_price_needs_a_budget_and_a_budget_a_price(
    world: World, here: TrainOn, wrong: dict[str, float]
) -> None:
    with pytest.raises(ParamsError, match="per_hour"):
        world.train(replaced(here, **wrong))


# The end of a run.


def test_a_training_that_fails_is_told_with_its_words_and_ended(world: World, either: TrainOn) -> None:
    world.wait("fail")
    with pytest.raises(BluebookError, match="ended with 1: nothing to train on"):
        world.train(either)
    assert nothing_left(either)
    assert not world.adapter.exists()


def test_a_budget_that_is_spent_ends_it(world: World, either: TrainOn) -> None:
    world.wait("60")
    with pytest.raises(BluebookError, match="the budget is spent"):
        world.train(replaced(either, per_hour=3600.0, budget=1.0))
    assert nothing_left(either)


def test_other_packages_than_the_lock_s_are_refused_by_name(world: World, here: TrainOn) -> None:
    (world.root / "requirements.lock").write_text(
        "msgspec==0.0.1\npsutil==" + psutil.__version__ + "\nnot-here==1\n"
    )
    with pytest.raises(BluebookError, match=r"msgspec .*, not 0\.0\.1"):
        world.train(here)
    assert nothing_left(here)


def test_the_machine_is_given_back_from_both_sides(world: World, either: TrainOn, tmp_path: Path) -> None:
    given = {"after": f"touch {tmp_path}/there", "teardown": f"touch {tmp_path}/here"}
    world.train(replaced(either, **given))
    assert (tmp_path / "here").exists()
    until((tmp_path / "there").exists)


@pytest.mark.slow
def test_a_machine_that_is_not_given_back_is_told_loudly(world: World, here: TrainOn) -> None:
    with pytest.raises(BluebookError, match="MAY STILL COST MONEY"):
        world.train(replaced(here, teardown="exit 1"))
    assert world.train(here) is not None, "what was fetched is not fetched again"
    assert world.status() == "{}"


class Verb:
    """`bluebook train elsewhere` as people run it."""

    def __init__(self, world: World, settings: TrainOn) -> None:
        import msgspec

        told = {"train_on": msgspec.to_builtins(settings)}
        (world.root / "local.yaml").write_text(json.dumps(told))
        (world.root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {
            **os.environ,
            "PATH": path,
            "PYTHONPATH": str(ROOT / "src"),
            "DVC_NO_ANALYTICS": "1",
        }
        self.world = world

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bluebook", "train", "elsewhere", SUBJECT],
            cwd=self.world.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def test_ctrl_c_ends_it_there_too(world: World, either: TrainOn) -> None:
    world.wait("60")
    running = Verb(world, either).start()
    until(lambda: training(either))
    os.killpg(running.pid, signal.SIGINT)
    running.communicate()
    assert running.returncode != 0
    assert nothing_left(either)


def test_a_machine_whose_owner_died_ends_by_itself(world: World, machine: TrainOn, tmp_path: Path) -> None:
    world.wait("60")
    running = Verb(world, replaced(machine, grace_minutes=0.05, after=f"touch {tmp_path}/given-back")).start()
    until(lambda: training(machine))
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    until((tmp_path / "given-back").exists)
    until(lambda: nothing_left(machine))


def test_the_same_command_goes_on_with_a_run_that_goes_on(world: World, here: TrainOn) -> None:
    world.wait("3")
    running = Verb(world, here).start()
    until(lambda: training(here))
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    said = Verb(world, here).start().communicate()[1].decode()
    assert said.count("training begins") == 1 and "0 bytes to send" in said
    assert world.status() == "{}" and nothing_left(here)


@pytest.mark.slow
def test_a_run_that_was_left_behind_is_ended_before_another_begins(world: World, here: TrainOn) -> None:
    world.wait("60")
    running = Verb(world, here).start()
    until(lambda: training(here))
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    world.wait("0")
    assert world.train(here) is not None
    assert any("left behind" in text for text in world.said)
    assert nothing_left(here)


def test_a_killed_keeper_takes_the_training_with_it(world: World, here: TrainOn, tmp_path: Path) -> None:
    world.wait("60")
    verdict: list[str] = []

    def work() -> None:
        try:
            world.train(replaced(here, after=f"touch {tmp_path}/given-back"))
        except BluebookError as error:
            verdict.append(str(error))

    going = threading.Thread(target=work)
    going.start()
    until(lambda: training(here))
    [keeper] = [one for one in psutil.process_iter(["cmdline"]) if "start" in (words := one.info["cmdline"] or []) and
                f"{here.folder}/host.py" in words]  # fmt: skip
    keeper.kill()
    going.join()
    assert "its keeper was killed" in verdict[0]
    until((tmp_path / "given-back").exists)
    until(lambda: nothing_left(here))


# Bytes.


@contextmanager
def cut(monkeypatch: pytest.MonkeyPatch, verb: str, after: int) -> Iterator[list[int]]:
    """The connection breaks once, after so many bytes of a verb that gives."""
    read, broken = Link.read, []

    def breaking(self: Link, name: str, *arguments: str) -> Iterator[bytes]:
        left = after
        for chunk in read(self, name, *arguments):
            if name == verb and not broken and len(chunk) >= left:
                yield chunk[:left]
                broken.append(int(arguments[-1]) + left)
                raise LinkError("cut")
            left -= len(chunk)
            yield chunk
        if broken and name == verb:
            offsets.append(int(arguments[-1]))

    offsets: list[int] = []
    monkeypatch.setattr(Link, "read", breaking)
    yield offsets


def test_a_download_goes_on_where_it_was_cut(
    world: World, either: TrainOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cut(monkeypatch, "give", 1_000_000) as offsets:
        assert world.train(either) is not None
    assert 1_000_000 in offsets
    assert world.status() == "{}"


def test_an_upload_goes_on_where_it_was_cut(
    world: World, here: TrainOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = far._frames
    sent: list[int] = []

    def breaking(*arguments: object) -> Iterator[bytes]:
        whole = b"".join(frames(*arguments))  # type: ignore[arg-type]
        sent.append(len(whole))
        yield whole[:2_000_000] if len(sent) == 1 else whole

    monkeypatch.setattr(far, "_frames", breaking)
    assert world.train(here) is not None
    assert sent[1] < sent[0] - 1_000_000


@pytest.mark.slow
def test_a_byte_that_turns_on_its_way_back_is_seen(
    world: World, here: TrainOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, times = Link.read, []

    def turning(self: Link, *arguments: str) -> Iterator[bytes]:
        for chunk in read(self, *arguments):
            times.append(1)
            yield bytes([chunk[0] ^ 1]) + chunk[1:] if len(times) == 1 else chunk

    monkeypatch.setattr(Link, "read", turning)
    assert world.train(here) is not None
    assert world.status() == "{}"


@pytest.mark.slow
def test_an_object_that_rots_there_is_sent_anew(world: World, either: TrainOn) -> None:
    world.train(either)
    name = pack(world.root, STAGE).files["data/set.bin"]
    there = host.object_path(Path(either.folder), name)
    there.chmod(0o644)
    with there.open("r+b") as file:
        file.write(b"rot")
    world.wait("0.0")
    with pytest.raises(BluebookError, match=r"not whole at .*data/set.bin"):
        world.train(either)
    spent = world.train(either)
    assert spent is not None and spent.sent == 3_000_000


def test_inputs_that_change_meanwhile_keep_the_outputs_apart(world: World, here: TrainOn) -> None:
    follow = far._follow

    def editing(*arguments: object) -> None:
        follow(*arguments)  # type: ignore[arg-type]
        world.wait("0.00")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(far, "_follow", editing)
        with pytest.raises(BluebookError, match="have changed while it was trained"):
            world.train(here)
    assert not world.adapter.exists()
    world.wait("0")
    spent = world.train(here)
    assert spent is not None and spent.fetched == 0, "they are put into place once they fit again"
    assert world.status() == "{}"


def test_nothing_but_the_host_s_own_python_is_needed_there() -> None:
    import ast

    tree = ast.parse(Path(host.__file__).read_text())
    roots = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }
    roots |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert roots <= set(sys.stdlib_module_names) and link.host is host
