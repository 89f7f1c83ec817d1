"""Git, DVC and the two settings files of this checkout."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import yaml

from bluebook import params, subjects
from bluebook.doctor import children
from bluebook.doctor.findings import Finding, blocks, fine, note, warning
from bluebook.errors import BluebookError

GIT_SECONDS = 20.0
NAMED = 3
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)  # msgspec raises both for damaged JSON


def git(root: Path) -> list[Finding]:
    """DVC needs Git for comparing and for history; an unfinished merge leaves files that no stage can read."""
    if shutil.which("git") is None:
        return [blocks("git", "git is not installed", "install git")]
    told = children.run(
        ["git", "-C", str(root), "rev-parse", "--is-inside-work-tree", "--absolute-git-dir"], GIT_SECONDS
    )
    if told.how:
        return [
            blocks(
                "git", "this folder is not in a Git repository", "clone Bluebook with Git, or run `git init`"
            )
        ]
    folder = Path(told.output.splitlines()[1])
    findings = []
    # A running git holds index.lock for moments; one that was killed leaves it, and every commit fails.
    if (folder / "index.lock").exists():
        findings.append(
            warning("git", "index.lock lies there", f"if no git is running: `rm {folder / 'index.lock'}`")
        )
    for name, what in (("MERGE_HEAD", "merge"), ("rebase-merge", "rebase"), ("rebase-apply", "rebase")):
        if (folder / name).exists():
            findings.append(warning("git", f"an unfinished {what}", f"`git {what} --continue` or `--abort`"))
    if children.run(["git", "-C", str(root), "config", "user.email"], GIT_SECONDS).how:
        advice = "`git config user.name …` and `git config user.email …`; commits and tags need them"
        findings.append(note("git", "no user.email is set", advice))
    return findings or [fine("git", "a repository without unfinished business")]


class Reader(msgspec.Struct):
    """An entry of DVC's lock file for paths: the process that reads or writes one."""

    pid: int
    cmd: str = ""


class PathLocks(msgspec.Struct):
    write: dict[str, Reader] = {}
    read: dict[str, list[Reader]] = {}


def dvc(root: Path) -> list[Finding]:
    """Is it set up, is a lock left over, and does the cache hold what dvc.lock names, whole."""
    if not (root / ".dvc").is_dir():
        return [
            blocks(
                "dvc", "no .dvc folder here", "run this in the root of a Bluebook repository, or `dvc init`"
            )
        ]
    if not (root / "dvc.yaml").is_file():
        return [blocks("dvc", "no dvc.yaml here", "run this in the root of a Bluebook repository")]
    from dvc.config import Config, ConfigError

    try:
        Config(str(root / ".dvc"))
    except ConfigError:  # its message repeats values, and a value can be a password
        advice = "`dvc config --list` says which line is wrong in .dvc/config or .dvc/config.local"
        return [blocks("dvc", "its config cannot be read", advice)]
    return [*locks(root / ".dvc/tmp"), *_cache(root)]


def locks(folder: Path) -> list[Finding]:
    """Who holds a lock of DVC's, and which are left over; `folder` is `.dvc/tmp`."""
    holder = _held(folder / "lock")
    if holder is not None:
        return [note("dvc", f"DVC is running now{holder}", "other dvc commands wait for it or fail")]
    try:
        locks = msgspec.json.decode((folder / "rwlock").read_bytes(), type=PathLocks)
    except FileNotFoundError:
        return []
    except UNREADABLE:
        return [blocks("dvc", ".dvc/tmp/rwlock is damaged: every stage would fail", "`rm .dvc/tmp/rwlock`")]
    holders = [(path, entry) for path, entry in locks.write.items()]
    holders += [(path, entry) for path, entries in locks.read.items() for entry in entries]
    alive = [(path, entry) for path, entry in holders if _alive(entry.pid)]
    if alive:
        path, entry = alive[0]
        # DVC removes entries of dead processes by itself, but a process number can be taken by another program.
        said = f"{Path(path).name} is locked by process {entry.pid}, which may be another program by now"
        return [warning("dvc", said, f"if `ps {entry.pid}` shows no dvc: `rm .dvc/tmp/rwlock`")]
    return []


def _held(lock: Path) -> str | None:
    """Who holds DVC's lock, as words; None when nobody does. The file itself always stays behind."""
    import fcntl

    try:
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number = file.read(32).decode("ascii", "replace").strip()
                return f" (process {number})" if number else ""
    except FileNotFoundError:
        pass
    return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def cache_folder(root: Path) -> Path:
    """Where DVC keeps outputs; its usual place where the config cannot be read, which `dvc` reports."""
    from dvc.config import Config, ConfigError

    try:
        configured = Config(str(root / ".dvc"))["cache"].get("dir")
    except ConfigError:
        configured = None
    return Path(configured) if configured else root / ".dvc/cache"


class Output(msgspec.Struct):
    path: str
    md5: str
    size: int = 0


class Member(msgspec.Struct):
    """A file of a folder, in the list that DVC keeps for the folder."""

    md5: str
    relpath: str


class Stage(msgspec.Struct):
    outs: list[Output] = []


class Lock(msgspec.Struct):
    """The part of dvc.lock that is looked at."""

    stages: dict[str, Stage] = {}


def _cache(root: Path) -> list[Finding]:
    try:
        read = yaml.load((root / "dvc.lock").read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        lock = msgspec.convert(read or {}, Lock)
    except FileNotFoundError:
        return [note("dvc", "nothing is built yet", "`dvc repro`")]
    except (yaml.YAMLError, msgspec.ValidationError):
        return [blocks("dvc", "dvc.lock is damaged", "a merge left marks in it? `git checkout dvc.lock`")]
    objects = cache_folder(root) / "files/md5"
    outputs = _outputs(root, lock)
    missing, damaged = [], []
    for out in outputs:
        file = _object(objects, out.md5)
        try:
            if not file.is_file():
                missing.append(out.path)
            elif out.md5.endswith(".dir"):
                # One file is enough: the output is counted once.
                missing += [f"{out.path}/{name}" for name in _absent(objects, file)[:1]]
            elif file.stat().st_size != out.size:
                damaged.append((out.path, file))
        except UNREADABLE:
            damaged.append((out.path, file))
    findings = []
    if damaged:
        said = f"{len(damaged)} cached outputs are not what was stored"
        findings.append(warning("dvc", f"{said}: {damaged[0][0]}", f"`rm {damaged[0][1]}`, then `dvc repro`"))
    if missing:
        named = ", ".join(missing[:NAMED]) + (" …" if len(missing) > NAMED else "")
        said = f"{len(missing)} of {len(outputs)} outputs are not in the cache ({named})"
        findings.append(note("dvc", said, "`dvc pull` fetches them from the remote, `dvc repro` makes them"))
    return findings or [
        fine("dvc", f"no lock left over; all {len(outputs)} outputs of dvc.lock are in the cache")
    ]


def _object(objects: Path, digest: str) -> Path:
    return objects / digest[:2] / digest[2:]


def _absent(objects: Path, listing: Path) -> list[str]:
    """The files of a cached folder that are not in the cache. Raises one of UNREADABLE for a damaged list."""
    members = msgspec.json.decode(listing.read_bytes(), type=list[Member])
    return [member.relpath for member in members if not _object(objects, member.md5).is_file()]


def _outputs(root: Path, lock: Lock) -> list[Output]:
    """Outputs that DVC caches: all of dvc.lock but what Git holds itself, such as metrics."""
    tracked = set(children.run(["git", "-C", str(root), "ls-files", "-z"], GIT_SECONDS).output.split("\0"))
    return [out for stage in lock.stages.values() for out in stage.outs if out.path not in tracked]


def settings(root: Path) -> tuple[list[Finding], params.Params | None, params.Local | None]:
    """`params.yaml` and `local.yaml`, each subject's own part too; what could be read is returned for other probes."""
    findings: list[Finding] = []
    read: params.Params | None = None
    local: params.Local | None = None
    try:
        read = params.load(root / params.PARAMS)
        for name in read.subjects:
            subjects.load(name, read)
        findings.append(fine("params", f"{params.PARAMS} is valid: {', '.join(sorted(read.subjects))}"))
    except BluebookError as error:
        findings.append(
            blocks("params", str(error), "put it right in params.yaml; each key has a remark there")
        )
    try:
        local = params.load_local(root / params.LOCAL)
        findings += _local(local, (root / params.LOCAL).exists())
    except BluebookError as error:
        findings.append(
            blocks("local", str(error), "README lists the keys of local.yaml; an empty file is fine")
        )
    return findings, read, local


def _local(local: params.Local, there: bool) -> list[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if local.threads > cores:
        said = f"local.yaml asks for {local.threads} threads on {cores} cores"
        return [warning("local", said, "more threads than cores are slower: `threads: 0`")]
    if not there:
        return [fine("local", "no local.yaml: this machine's defaults")]
    return [fine("local", "local.yaml is valid")]
