"""The part that runs on the other machine. It is sent there as it stands, so it needs Python 3.8 and nothing else.

    FOLDER/objects/ab/<sha256>   inputs, kept from run to run; a `.part` is one whose transfer was cut
    FOLDER/runs/<run>/           one run: work/ (its files), state.json, log, lease
    FOLDER/ended/<run>.json      how it ended
    FOLDER/ended/<run>.lock      held by its keeper

A run has a *keeper*, a process without a connection to anybody. It ends the run when its time is up, when nobody has
asked after it for the grace period (the machine that started it may be dead), or when told. Whatever happens, the
run's processes end, its folder goes, and the command that gives the machine back is called.

python3 host.py VERB FOLDER …
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

CHUNK = 1 << 20
POLL = 0.2  # seconds
FAREWELL = 2.0  # seconds
STOPPING = 20.0  # seconds between asking a run to end and killing it


def digest(path: Path) -> str:
    whole = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            whole.update(chunk)
    return whole.hexdigest()


def object_path(folder: Path, name: str) -> Path:
    return folder / "objects" / name[:2] / name


def write_json(path: Path, value: Any) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w") as out:
        json.dump(value, out, sort_keys=True)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)


def answer(value: Any) -> None:
    json.dump(value, sys.stdout, sort_keys=True)
    sys.stdout.flush()


# Inputs.


def lacking(folder: Path) -> None:
    """Of the objects named on stdin with their sizes: those that are not here, with the bytes that are."""
    found = {}
    for name, size in json.load(sys.stdin).items():
        path = object_path(folder, name)
        if not path.is_file() or path.stat().st_size != size:
            part = path.with_name(f"{name}.part")
            found[name] = min(part.stat().st_size, size) if part.is_file() else 0
    answer(found)


def take(folder: Path) -> None:
    """Objects from stdin, each a line `{name, size, offset}` and its bytes from there on. Answers those whose bytes are
    not what their name says; of these nothing is kept."""
    bad = []
    while True:
        line = sys.stdin.buffer.readline()
        if not line:
            break
        told = json.loads(line)
        path = object_path(folder, told["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with part.open("ab") as out:
            out.truncate(told["offset"])
            left = told["size"] - told["offset"]
            while left:
                chunk = sys.stdin.buffer.read(min(CHUNK, left))
                if not chunk:
                    return  # cut; the part is gone on with
                out.write(chunk)
                left -= len(chunk)
            out.flush()
            os.fsync(out.fileno())
        if digest(part) != told["name"]:
            part.unlink()
            bad.append(told["name"])
            continue
        part.chmod(0o444)
        part.replace(path)
    answer(bad)


# A run.


def run_folder(folder: Path, run: str) -> Path:
    return folder / "runs" / run


def start(folder: Path, run: str) -> None:
    """Lay out the run told on stdin and give it a keeper; where it has one, nothing is done. Answers objects that are
    not whole: then it was not started."""
    told = json.load(sys.stdin)
    place = run_folder(folder, run)
    place.mkdir(parents=True, exist_ok=True)
    with lock_of(folder, run).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            answer([])
            return
        bad = lay_out(folder, place / "work", told["files"])
        if not bad:
            (place / "work/local.yaml").write_text(json.dumps(told["settings"]))
            for left in (ending(folder, run), place / "end"):
                with suppress(FileNotFoundError):
                    left.unlink()
            (place / "log").write_bytes(b"")
            (place / "lease").touch()
            write_json(place / "told.json", told)
            write_json(place / "state.json", {"phase": "running", "code": None, "why": "", "group": 0})
            keeper(folder, place, told, lock)
        answer(bad)


def lay_out(folder: Path, work: Path, files: dict[str, str]) -> list[str]:
    """The run's files as hard links to objects, each hashed before; the names of those that are not whole."""
    shutil.rmtree(work, ignore_errors=True)
    bad: list[str] = []
    seen: dict[str, bool] = {}
    for path, name in sorted(files.items()):
        source = object_path(folder, name)
        if name not in seen:
            seen[name] = source.is_file() and digest(source) == name
            if not seen[name]:
                bad.append(name)
                if source.exists():
                    source.unlink()
        if seen[name]:
            target = work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target)
    return bad


def keeper(folder: Path, place: Path, told: dict[str, Any], lock: IO[bytes]) -> None:
    """Leave a keeper behind, which holds the run's lock as long as it lives."""
    if os.fork():
        return
    os.setsid()
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123
        for stream in (0, 1, 2):
            os.dup2(nothing.fileno(), stream)
    try:
        keep(folder, place, told)
    finally:
        os.close(lock.fileno())
        os._exit(0)


def keep(folder: Path, place: Path, told: dict[str, Any]) -> None:
    began = time.time()
    environment = dict(os.environ, PYTHONPATH="src", **told["environment"])
    environment["PATH"] = name_python(place, told["python"]) + os.pathsep + environment["PATH"]
    with (place / "log").open("ab") as log:
        child = subprocess.Popen(
            ["sh", "-c", told["script"]],
            cwd=str(place / "work"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=follow,  # noqa: PLW1509 (the keeper has one thread)
            start_new_session=True,
        )
    state = {"phase": "running", "code": None, "why": "", "group": child.pid}
    write_json(place / "state.json", state)
    why = ""
    while child.poll() is None and not why:
        why = over(place, told, began)
        time.sleep(POLL)
    if why:
        end_group(child)
    state = dict(state, phase="ended", code=child.wait(), why=why)
    write_json(ending(folder, place.name), state)
    write_json(place / "state.json", state)
    told["seconds"] = 0  # what was paid for is fetched, too
    while not why and not over(place, told, began):
        time.sleep(POLL)
    tear_down(folder, place)


def ending(folder: Path, run: str) -> Path:
    """How a run has ended, for whoever asks when it is gone."""
    path = folder / "ended" / f"{run}.json"
    path.parent.mkdir(exist_ok=True)
    return path


def tear_down(folder: Path, place: Path) -> None:
    """Remove a run whose processes have ended, and give the machine back."""
    after = json.loads((place / "told.json").read_text())["after"] if (place / "told.json").exists() else ""
    while place.exists():  # who asks for its state just now puts a lease there
        shutil.rmtree(place, ignore_errors=True)
        time.sleep(POLL)
    if after:
        subprocess.call(
            ["sh", "-c", after], cwd=str(folder), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )


def name_python(place: Path, python: str) -> str:
    """A folder in which `python`, as the command says, is the interpreter that was asked for."""
    script = place.absolute() / "bin/python"
    script.parent.mkdir(exist_ok=True)
    # No link: by its own path an interpreter knows its packages.
    script.write_text('#!/bin/sh\nexec "%s" "$@"\n' % (Path(python).absolute() if "/" in python else python))
    script.chmod(0o755)
    return str(script.parent)


def follow() -> None:
    """In the child: die with the keeper, should it be killed (PR_SET_PDEATHSIG, Linux only)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def over(place: Path, told: dict[str, Any], began: float) -> str:
    """Why the run is to end now; empty where it is not."""
    if (place / "end").exists() or not (place / "lease").exists():
        return "it was told to end"
    if told["seconds"] and time.time() - began > told["seconds"]:
        return "its time is up: the budget is spent"
    if time.time() - (place / "lease").stat().st_mtime > told["grace"]:
        return "nobody asked after it any more"
    return ""


def end_group(child: subprocess.Popen[bytes]) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, kind)
            child.wait(STOPPING)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    with suppress(ProcessLookupError):  # what the command itself has left behind
        os.killpg(child.pid, signal.SIGKILL)


def lock_of(folder: Path, run: str) -> Path:
    return ending(folder, run).with_suffix(".lock")


def kept(folder: Path, run: str) -> bool:
    """Whether the run's keeper lives."""
    try:
        with lock_of(folder, run).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def state(folder: Path, run: str, offset: str) -> None:
    """How the run stands, and its log from `offset` on. To ask renews the lease."""
    place = run_folder(folder, run)
    alive = kept(folder, run)
    try:
        (place / "lease").touch()
        with (place / "log").open("rb") as log:
            log.seek(int(offset))
            text = log.read(CHUNK)
        told = json.loads((place / "state.json").read_text())
    except FileNotFoundError:  # it is gone, perhaps just now
        told = {"phase": "none", "code": None, "why": "it is not there"}
        if ending(folder, run).exists():
            told = json.loads(ending(folder, run).read_text())
        answer(dict(told, log="", offset=int(offset)))
        return
    if told["phase"] == "running" and not alive:
        told.update(phase="lost", why="its keeper was killed")
    answer(dict(told, log=text.decode("utf-8", "replace"), offset=int(offset) + len(text)))


def files_in(work: Path, outs: list[str]) -> Iterator[str]:
    for out in outs:
        path = work / out
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file.relative_to(work).as_posix() for file in found if file.is_file())


def outputs(folder: Path, run: str) -> None:
    """Every file of the outputs named on stdin, with hash and size."""
    work = run_folder(folder, run) / "work"
    found = {
        name: [digest(work / name), (work / name).stat().st_size]
        for name in files_in(work, json.load(sys.stdin))
    }
    (run_folder(folder, run) / "lease").touch()
    answer(found)


def give(folder: Path, run: str, name: str, offset: str) -> None:
    """The bytes of an output from `offset` on."""
    place = run_folder(folder, run)
    with (place / "work" / name).open("rb") as stream:
        stream.seek(int(offset))
        for number, chunk in enumerate(iter(lambda: stream.read(CHUNK), b"")):
            if number % 64 == 0:
                (place / "lease").touch()
            sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def end(folder: Path, run: str) -> None:
    """End the run, whoever keeps it. Answers whether its processes and its folder are gone."""
    place = run_folder(folder, run)
    if place.exists():
        (place / "end").touch()
    until = time.time() + 3 * STOPPING
    while kept(folder, run) and time.time() < until:
        time.sleep(POLL)
    if not kept(folder, run) and place.exists():  # its keeper was killed
        if (place / "state.json").exists() and (
            group := json.loads((place / "state.json").read_text())["group"]
        ):
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        tear_down(folder, place)
    answer({"gone": not kept(folder, run) and not place.exists()})


def same(folder: Path, lock: str) -> None:
    """Exit 3 with names unless the packages here that `requirements.lock` pins have the versions that it says."""
    from importlib.metadata import PackageNotFoundError, version

    wrong = []
    for line in (folder / lock).read_text().splitlines():
        name, separator, wanted = line.partition("==")
        try:
            found = version(name).partition("+")[0] if separator else wanted
        except PackageNotFoundError:
            continue
        if found != wanted.partition("+")[0]:
            wrong.append(f"{name} {found}, not {wanted}")
    if wrong:
        print("this machine has other packages than requirements.lock:", "; ".join(wrong))
        raise SystemExit(3)


VERBS: dict[str, Callable[..., None]] = {
    "lacking": lacking,
    "take": take,
    "start": start,
    "state": state,
    "outputs": outputs,
    "give": give,
    "end": end,
    "same": same,
}

if __name__ == "__main__":
    VERBS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
