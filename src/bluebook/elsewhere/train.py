"""`bluebook train elsewhere`: a train stage on another machine, its outputs here as if it had run here.

    send the inputs that the machine lacks, by hash -> start -> follow -> fetch the outputs by hash -> end -> install

Each step finds what an earlier, killed attempt has done: transfers go on from the byte where they were cut, a run that
still goes on is followed again. Whatever happens, the run is ended there and the machine is given back; where this
machine dies, the run's keeper (`host.py`) does so by itself.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bluebook.artifacts import atomic_folder, atomic_writer, sha256, write_json
from bluebook.elsewhere.link import Link, LinkError, as_json
from bluebook.elsewhere.parcel import Parcel, order, pack
from bluebook.errors import BluebookError, ParamsError
from bluebook.params import TrainOn
from bluebook.reports.status import staleness
from bluebook.steps import retry
from bluebook.teaching.repository import Tell, alone

PLACE = Path("logs/elsewhere")
POLL = 5.0  # seconds between looks at a run
TEARDOWN_TRIES = 3

T = TypeVar("T")


class State(msgspec.Struct, kw_only=True):
    """How a run stands, and what it has said since the last look."""

    phase: str  # none | running | ended | lost
    code: int | None
    why: str
    log: str
    offset: int = 0


class Gone(msgspec.Struct):
    gone: bool


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """What a run would be. `hours` until it ends by itself, 0 for no limit; `cost` what it may cost at most."""

    stage: str
    run: str
    where: str
    reached: str  # empty, or why not
    command: str
    files: int
    bytes: int
    outputs: list[str]
    hours: float
    cost: float


class Spent(msgspec.Struct, kw_only=True, frozen=True):
    """A run that has ended well: `fetched` bytes, `seconds` on the machine and their price."""

    run: str
    sent: int
    fetched: int
    seconds: float
    cost: float


def limit(settings: TrainOn) -> float:
    """Seconds that the budget buys; 0 for no limit. Raises ParamsError for a price without a budget."""
    if settings.per_hour and not settings.budget:
        raise ParamsError("local.yaml: train_on.per_hour names a price; name a budget as well")
    if settings.budget and not settings.per_hour:
        raise ParamsError("local.yaml: train_on.budget needs per_hour, the price that it is spent at")
    return 3600 * settings.budget / settings.per_hour if settings.per_hour else 0.0


def plan(root: Path, subject: str, settings: TrainOn) -> Plan:
    """What `train` would do; nothing is sent or started."""
    parcel, link = pack(root, f"train@{subject}"), Link(settings, root)
    seconds = limit(settings)
    return Plan(
        stage=parcel.stage,
        run=parcel.run,
        where=str(link),
        reached=link.reached(),
        command=parcel.command,
        files=len(parcel.files),
        bytes=sum(parcel.sizes.values()),
        outputs=parcel.outs,
        hours=seconds / 3600,
        cost=settings.budget,
    )


def train(root: Path, subject: str, settings: TrainOn, tell: Tell) -> Spent | None:
    """Train `subject` where `settings` say; None where its adapter is up to date.

    Raises BluebookError where an input is stale, the training fails, the budget is spent, or a byte is not what it
    should be; the run is ended then, too."""
    stage = f"train@{subject}"
    seconds = limit(settings)
    mine = PLACE / subject
    with alone(root, tell, mine.with_suffix(".lock"), "another `train elsewhere`"):
        if not _stale(root, stage):
            return None
        parcel = pack(root, stage)
        kept = root / mine / parcel.run
        link = Link(settings, root)
        if not (kept / "done.json").exists():
            _prepare(link, tell)
            with _ended(link, root / mine / "open.json", parcel.run, tell) as began:
                sent = _send(link, root, parcel, tell)
                _start(link, root, parcel, seconds)
                _follow(link, parcel.run, tell)
                _fetch(link, parcel, kept, tell)
            spent = _spent(settings, parcel.run, sent, kept, time.time() - began)
            _log(root, parcel.stage, spent)
        else:
            spent = Spent(run=parcel.run, sent=0, fetched=0, seconds=0.0, cost=0.0)
        _install(root, parcel, kept)
        return spent


def _stale(root: Path, stage: str) -> bool:
    """Whether the stage is. Raises BluebookError where something before it is, too."""
    command = [sys.executable, "-m", "dvc", "status", "--json", "--with-deps", stage]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        found = staleness(running)
    if found.stages is None:
        raise BluebookError(f"DVC cannot tell what is stale: {found.error}")
    if before := sorted(set(found.stages) - {stage}):
        raise BluebookError(
            f"stale before {stage}: {', '.join(before)}. `dvc repro {' '.join(before)}` makes its inputs, here"
        )
    return stage in found.stages


def _prepare(link: Link, tell: Tell) -> None:
    """Raises LinkError where the machine does not answer; it may cost money all the same, so it is given back."""
    try:
        link.prepare()
    except LinkError:
        _give_back(link.settings, tell)
        raise


@contextmanager
def _ended(link: Link, note: Path, run: str, tell: Tell) -> Iterator[float]:
    """Whatever happens within, the run ends there and the machine is given back. Yields when it began.

    A run that an earlier, killed attempt has left behind is ended first, unless it is this very one."""
    began = time.time()
    try:
        if note.exists() and (left := json.loads(note.read_bytes())["run"]) != run:
            tell(f"ending the run {left}, which was left behind")
            _end(link, left)
        write_json(note, {"run": run, "where": str(link)})
        yield began
    finally:
        tell("ending the run there")
        try:
            _end(link, run)
            note.unlink(missing_ok=True)
        finally:
            _give_back(link.settings, tell)


def _end(link: Link, run: str) -> None:
    minutes = f"{link.settings.grace_minutes:g} minutes"
    try:
        told = _again("ending the run", partial(link.ask, Gone, "end", run))
    except LinkError as error:
        raise BluebookError(
            f"NOT CONFIRMED that the run {run} has ended: {error}. It ends by itself after {minutes} without a sign "
            f"from here; look there"
        ) from error
    if not told.gone:
        raise BluebookError(f"THE RUN {run} STILL GOES ON at {link}, though it was told to end; look there")


def _give_back(settings: TrainOn, tell: Tell) -> None:
    if not settings.teardown:
        return
    for _ in range(TEARDOWN_TRIES):
        done = subprocess.run(["sh", "-c", settings.teardown], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            tell("the machine is given back")
            return
        tell(f"train_on.teardown ended with {done.returncode}: {done.stderr.strip()}")
    raise BluebookError("THE MACHINE MAY STILL COST MONEY: train_on.teardown failed; give it back by hand")


def _again(what: str, work: Callable[[], T]) -> T:
    """`work`, tried again while the connection breaks."""
    return retry(what, work, worth=lambda error: isinstance(error, LinkError))


def _send(link: Link, root: Path, parcel: Parcel, tell: Tell) -> int:
    """The inputs that the machine lacks, each checked there. Returns the bytes sent."""
    paths = {name: root / path for path, name in parcel.files.items()}
    sent = 0

    def attempt() -> None:
        nonlocal sent
        missing = link.ask(dict[str, int], "lacking", send=[as_json(parcel.sizes)])
        total = sum(parcel.sizes[name] - there for name, there in missing.items())
        tell(f"{len(parcel.files)} inputs; {len(missing)} are not there, {total:,} bytes to send")
        if not missing:
            return
        bad = link.ask(list[str], "take", send=_frames(missing, parcel.sizes, paths))
        sent += total
        if bad:
            raise LinkError(
                f"{len(bad)} inputs arrived damaged: {', '.join(str(paths[name]) for name in bad[:3])}"
            )

    _again("sending the inputs", attempt)
    return sent


def _frames(
    missing: Mapping[str, int], sizes: Mapping[str, int], paths: Mapping[str, Path]
) -> Iterator[bytes]:
    for name, offset in sorted(missing.items()):
        yield as_json({"name": name, "size": sizes[name], "offset": offset}) + b"\n"
        with paths[name].open("rb") as stream:
            stream.seek(offset)
            yield from iter(lambda stream=stream: stream.read(1 << 20), b"")  # type: ignore[misc]


def _start(link: Link, root: Path, parcel: Parcel, seconds: float) -> None:
    told = as_json(order(parcel, link.settings, seconds))
    bad = _again("starting the run", partial(link.ask, list[str], "start", parcel.run, send=[told]))
    if bad:
        names = sorted(path for path, name in parcel.files.items() if name in bad)
        raise BluebookError(
            f"{len(names)} inputs are not whole at {link} ({', '.join(names[:3])}); run the same command again, which "
            f"sends them anew"
        )


def _follow(link: Link, run: str, tell: Tell) -> None:
    """Wait for the run's end, its words on stderr. Raises BluebookError unless it ended well."""
    offset, words = 0, ""
    while True:
        state = _again("looking at the run", partial(link.ask, State, "state", run, str(offset)))
        offset = state.offset
        words = (words + state.log)[-2000:]
        sys.stderr.write(state.log)
        sys.stderr.flush()
        if state.phase != "running" and not state.log:
            break
        if not state.log:
            time.sleep(POLL)
    if state.phase != "ended" or state.code or state.why:
        last = words.strip().splitlines()[-1:] or ["it said nothing"]
        why = state.why or f"its command ended with {state.code}: {last[0]}"
        raise BluebookError(f"the run {run} at {link} did not end well: {why}")
    tell("the run has ended well")


def _fetch(link: Link, parcel: Parcel, kept: Path, tell: Tell) -> None:
    """The outputs, each checked here, into `kept`, which is complete once `done.json` is there."""
    send = [as_json(parcel.outs)]
    wanted = _again(
        "asking for the outputs",
        partial(link.ask, dict[str, tuple[str, int]], "outputs", parcel.run, send=send),
    )
    for out in parcel.outs:
        if not any(path == out or path.startswith(f"{out}/") for path in wanted):
            raise BluebookError(f"the run {parcel.run} ended well, but made no {out}")
    for path in wanted:  # what is written here is not for the other machine to choose
        if ".." in Path(path).parts or not any(
            path == out or path.startswith(f"{out}/") for out in parcel.outs
        ):
            raise BluebookError(f"{link} names {path!r}, which is no output of {parcel.stage}")
    tell(f"{len(wanted)} files to fetch, {sum(size for _, size in wanted.values()):,} bytes")
    for path, (name, size) in sorted(wanted.items()):
        give = partial(link.read, "give", parcel.run, path)
        _again(f"fetching {path}", partial(_fetch_one, give, kept / "outputs" / path, name, size))
    write_json(kept / "done.json", {path: name for path, (name, _) in wanted.items()})


def _fetch_one(give: Callable[[str], Iterator[bytes]], target: Path, name: str, size: int) -> None:
    """One output, gone on with where it was cut: `give` has its bytes from an offset. Raises LinkError where what
    arrived is not what was sent."""
    if target.exists() and sha256(target) == name:
        return
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    offset = part.stat().st_size if part.exists() else 0
    with part.open("ab") as out:
        if offset < size:
            for chunk in give(str(offset)):
                out.write(chunk)
    if sha256(part) != name:
        part.unlink()
        raise LinkError(f"{target.name} arrived damaged")
    part.replace(target)


def _spent(settings: TrainOn, run: str, sent: int, kept: Path, seconds: float) -> Spent:
    fetched = sum(file.stat().st_size for file in (kept / "outputs").rglob("*") if file.is_file())
    cost = settings.per_hour * seconds / 3600
    return Spent(run=run, sent=sent, fetched=fetched, seconds=round(seconds, 1), cost=round(cost, 4))


def _log(root: Path, stage: str, spent: Spent) -> None:
    told: dict[str, Any] = {"at": datetime.now().astimezone().isoformat(timespec="seconds"), "stage": stage}
    with (root / PLACE / "log.jsonl").open("ab") as log:
        log.write(as_json(told | msgspec.structs.asdict(spent)) + b"\n")


def _install(root: Path, parcel: Parcel, kept: Path) -> None:
    """Put the outputs into their places and tell DVC. Raises BluebookError where the inputs have changed meanwhile."""
    if pack(root, parcel.stage).run != parcel.run:
        raise BluebookError(
            f"the inputs of {parcel.stage} have changed while it was trained, so its outputs are not put into place; "
            f"they are in {kept / 'outputs'}"
        )
    for path, name in json.loads((kept / "done.json").read_bytes()).items():
        if sha256(kept / "outputs" / path) != name:
            (kept / "done.json").unlink()
            raise BluebookError(f"{kept / 'outputs' / path} is damaged; run the same command again")
    for out in parcel.outs:
        source = kept / "outputs" / out
        if source.is_dir():
            with atomic_folder(root / out) as folder:
                shutil.copytree(source, folder, dirs_exist_ok=True)
        else:
            with atomic_writer(root / out) as stream, source.open("rb") as raw:
                shutil.copyfileobj(raw, stream)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "commit", "--quiet", "--force", parcel.stage],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BluebookError(f"dvc commit {parcel.stage}: {done.stderr.strip()}")
    shutil.rmtree(kept)
