"""A version back in a work tree, every byte of it checked against its `dvc.lock`.

In this work tree where nothing in it could be lost, else in one of its own beside it. What is found rotten, in the
work tree or in DVC's cache, is put aside and fetched from the remote.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bluebook.doctor.repository import cache_folder, locks
from bluebook.errors import BluebookError
from bluebook.releases import versions
from bluebook.releases.checks import last_stage
from bluebook.releases.outputs import LOCK, Damage, Output, Stage, md5, outputs, read_lock, upstream, verify
from bluebook.releases.publish import RELEASE_LOCK
from bluebook.reports.history import file_at
from bluebook.teaching.repository import TEACH_LOCK, Repository, Tell, alone

ASIDE = Path(".dvc/tmp/rotten")
OBJECTS = Path("files/md5")
SHOWN = 3


class Restored(msgspec.Struct, kw_only=True, frozen=True):
    """A version in a work tree. `checked` outputs of `bytes` were hashed; `own` says that the work tree was made for it
    and `why` this one would not do; `left` is the branch, or the commit, that HEAD was at before; `absent` are outputs
    of other subjects that are not on this machine."""

    tag: str
    commit: str
    place: str
    own: bool
    why: str
    left: str | None
    checked: int
    bytes: int
    absent: list[str]


def restore(root: Path, subject: str, version: str, tell: Tell) -> Restored:
    """Raises BluebookError where there is no such version, or where a byte of it cannot be had."""
    repository = Repository(root, subject)
    one = versions.find(repository, versions.parse(version))
    lock = read_lock(file_at(root, one.commit, LOCK) or b"", f"{one.tag}:{LOCK}")
    stages = upstream(lock, last_stage(subject))
    wanted = outputs(stages.values())
    with alone(root, tell, RELEASE_LOCK, "another `release` or `restore`"), _teaching(root) as taught:
        if aside := _put_lists_aside(root, wanted):
            tell(f"rotten, so put aside: {_few(aside)}")
        left = None
        why = f"`teach` is at work in {root.absolute()}" if taught else _losses(repository)
        if why:
            place = _own_tree(repository, one)
            there = Repository(place, subject)
        else:
            there = repository
            if repository.head() != one.commit:
                branch = repository.git("rev-parse", "--abbrev-ref", "HEAD").strip()
                left = repository.head() if branch == "HEAD" else branch
                repository.git("checkout", "--quiet", "--detach", one.tag)
        _build(there, sorted(stages), wanted, tell)
        return Restored(
            tag=one.tag,
            commit=one.commit,
            place=str(there.root.absolute()),
            own=bool(why),
            why=why,
            left=left,
            checked=len(wanted),
            bytes=sum(out.size for out in wanted),
            absent=_absent(there.root, lock.stages.values()),
        )


@contextmanager
def _teaching(root: Path) -> Iterator[bool]:
    """Whether `teach` is at work here; where not, it is kept out."""
    path = root / TEACH_LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield True
        else:
            yield False


def _losses(repository: Repository) -> str:
    """What a checkout in this work tree would lose; empty where nothing."""
    if changed := repository.changed():
        return f"{repository.root.absolute()} holds changes that are not committed: {_few(changed)}"
    if held := locks(repository.root / ".dvc/tmp"):
        return held[0].found
    from dvc.repo import Repo

    with Repo(str(repository.root)) as repo:
        found = repo.data_status(granular=True)["uncommitted"]
    # What is deleted can be put back, and so can what the cache holds; only what DVC has never seen could not.
    cache = cache_folder(repository.root) / OBJECTS
    mine = sorted(
        name
        for name in {*found.get("modified", ()), *found.get("added", ())}
        if (file := repository.root / name).is_file() and not _object(cache, md5(file)).exists()
    )
    return (
        f"{repository.root.absolute()} holds results that {LOCK} does not know: {_few(mine)}" if mine else ""
    )


def _own_tree(repository: Repository, one: versions.Released) -> Path:
    """A Git work tree at the version, beside the repository's, with its DVC cache and remotes."""
    top = Path(repository.git("rev-parse", "--show-toplevel").strip())
    prefix = repository.git("rev-parse", "--show-prefix").strip()
    made = top.parent / f"{top.name}-{repository.subject}-{one.version}"
    place = made / prefix
    if made.exists():
        _refuse_other(repository, Repository(place, repository.subject), one)
    else:
        repository.git("worktree", "prune")  # one whose folder was deleted still counts as there
        repository.git("worktree", "add", "--quiet", "--detach", str(made), one.tag)
    _share_cache(repository.root, place)
    return place


def _refuse_other(repository: Repository, there: Repository, one: versions.Released) -> None:
    """Raises BluebookError unless `there` is an untouched work tree of the repository at the version."""
    move = "Move it away, or remove it with `git worktree remove`"
    listed = repository.git("worktree", "list", "--porcelain").splitlines()
    if f"worktree {there.root.resolve()}" not in listed and not any(
        there.root.resolve().is_relative_to(line.removeprefix("worktree "))
        for line in listed
        if line.startswith("worktree ") and line != f"worktree {repository.root.resolve()}"
    ):
        raise BluebookError(f"{there.root} exists and is no work tree of this repository. {move}")
    if there.head() != one.commit:
        raise BluebookError(f"{there.root} is at {there.head()[:8]}, not at {one.tag}. {move}")
    if losses := _losses(there):
        raise BluebookError(f"{losses}. {move}")


def _share_cache(root: Path, place: Path) -> None:
    """Give the work tree at `place` this one's cache and remotes, which lie in files that Git ignores."""
    from dvc.config import Config

    settings = Config(str(root / ".dvc")).load_one("local")
    settings.setdefault("cache", {})["dir"] = str(cache_folder(root).absolute())
    with Config(str(place / ".dvc")).edit("local") as local:
        local.update(settings)


def _build(repository: Repository, stages: Sequence[str], wanted: Sequence[Output], tell: Tell) -> None:
    """Put `wanted` into the work tree and hash it. Raises BluebookError that names what cannot be had."""
    damaged = _check_out(repository, stages, wanted)
    # First from the cache; then from a remote, twice, because what a folder holds is known once its list is here.
    for remote in (False, True, True):
        if not damaged:
            break
        if aside := _put_aside(repository.root, damaged):
            tell(f"rotten, so put aside: {_few(aside)}")
        if remote:
            named = _few([one.path for one in damaged])
            tell(f"{len(damaged)} outputs are not on this machine: {named}; fetching them")
            _fetch(repository, stages, tell)
        damaged = _check_out(repository, stages, wanted)
    if damaged:
        told = "\n  ".join(map(str, damaged))
        raise BluebookError(
            f"not restored: {len(damaged)} of {len(wanted)} outputs cannot be had:\n  {told}\n"
            f"A remote that holds them helps (`bluebook remote set DIR`, or `dvc pull`); `dvc repro` makes them anew"
        )
    repository.dvc("checkout", "--quiet", "--force", "--allow-missing")


def _check_out(repository: Repository, stages: Sequence[str], wanted: Sequence[Output]) -> list[Damage]:
    """What of `wanted` the work tree does not hold once DVC has put there all that it has."""
    repository.dvc("checkout", "--quiet", "--force", "--allow-missing", *stages)
    return verify(repository.root, wanted)


def _fetch(repository: Repository, stages: Sequence[str], tell: Tell) -> None:
    """What can be had from the second drive, or from another remote. What cannot is for the caller to name."""
    from bluebook.backups import drive, remote
    from bluebook.doctor.remote import configured

    root = repository.root
    try:
        if drive.configured(root) is not None:
            remote.pull(root, tell)
        elif configured(root) is not None:
            repository.dvc("fetch", "--quiet", *stages)
        else:
            tell("no remote is set to fetch them from")
    except BluebookError as error:
        tell(str(error))


def _put_aside(root: Path, damaged: Iterable[Damage]) -> list[str]:
    """Move what has other bytes than its hash says out of the way of a good copy, in cache and work tree; where to."""
    cache = cache_folder(root) / OBJECTS
    moved = []
    for one in damaged:
        if one.found != "missing":
            moved.append(_move(root, root / one.path, f"{one.found}-{Path(one.path).name}"))
        for name in _members(cache, one.expected):
            file = _object(cache, name)
            if file.is_file() and md5(file) != name.removesuffix(".dir"):
                moved.append(_move(root, file, name))
    return moved


def _put_lists_aside(root: Path, wanted: Iterable[Output]) -> list[str]:
    """Rotten lists of folders, out of the way before DVC reads one: it remembers for good what it has read."""
    cache = cache_folder(root) / OBJECTS
    lists = {
        file for out in wanted if out.md5.endswith(".dir") and (file := _object(cache, out.md5)).is_file()
    }
    rotten = [
        file for file in sorted(lists) if md5(file) != f"{file.parent.name}{file.name}".removesuffix(".dir")
    ]
    return [_move(root, file, f"{file.parent.name}{file.name}") for file in rotten]


def _object(cache: Path, name: str) -> Path:
    return cache / name[:2] / name[2:]


def _members(cache: Path, name: str) -> list[str]:
    """The cached object of an output and, of a folder, those of its files."""
    if not name.endswith(".dir"):
        return [name]
    try:
        listed = msgspec.json.decode(_object(cache, name).read_bytes(), type=list[dict[str, str]])
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return [name]
    return [name, *(entry["md5"] for entry in listed if "md5" in entry)]


def _move(root: Path, path: Path, name: str) -> str:
    target = root / ASIDE / name
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    while target.exists():
        number += 1
        target = target.with_name(f"{name}.{number}")
    path.rename(target)
    return str(target)


def _absent(root: Path, stages: Iterable[Stage]) -> list[str]:
    return [out.path for out in outputs(stages) if not (root / out.path).exists()]


def _few(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
