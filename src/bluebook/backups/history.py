"""Git on the drive: one bundle with every branch and tag, made when they have changed."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bluebook.backups.copying import Entry
from bluebook.backups.drive import Drive
from bluebook.backups.manifest import Manifest
from bluebook.errors import BluebookError

FOLDER = "git"
RELEASE = re.compile(r"refs/tags/(.+@v\d.*)")
# Settings of the clone that are worth having back. A URL goes without name and password.
SETTINGS = re.compile(r"user\.(name|email)|remote\..*\.(url|fetch)|branch\..*\.(remote|merge)")


def git(root: Path, *arguments: str, text: str | None = None, hold: Sequence[int] = ()) -> str:
    """What Git prints. Raises BluebookError with what it says."""
    done = run(root, *arguments, text=text, hold=hold)
    if done.returncode != 0:
        raise BluebookError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def run(
    root: Path, *arguments: str, text: str | None = None, hold: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Git's process, which holds the file descriptors `hold`, when it has ended."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        errors="surrogateescape",  # names of files need not be UTF-8
        check=False,
        pass_fds=hold,
    )
    done.stderr = done.stderr.encode(errors="replace").decode()  # for people
    return done


def project_of(root: Path) -> str:
    """What tells this project from others: its first commit. Raises BluebookError before there is one."""
    found = run(root, "rev-list", "--max-parents=0", "HEAD")
    if found.returncode != 0:
        raise BluebookError("there is no commit here yet; a backup holds commits, so make one first")
    if run(root, "rev-parse", "--is-shallow-repository").stdout.strip() == "true":
        raise BluebookError(
            "this clone holds only a part of the history, so nothing could be rebuilt from its backup; "
            "`git fetch --unshallow` brings the rest"
        )
    return min(found.stdout.split())


def head_of(root: Path) -> str:
    """The branch's ref, or the commit where HEAD is on none."""
    symbolic = run(root, "symbolic-ref", "--quiet", "HEAD")
    return symbolic.stdout.strip() if symbolic.returncode == 0 else git(root, "rev-parse", "HEAD").strip()


def refs_of(root: Path) -> dict[str, str]:
    """Every ref and HEAD, with the object it names."""
    rows = git(root, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    found = {name: target for target, name in (row.split(" ", 1) for row in rows)}
    return found | {"HEAD": git(root, "rev-parse", "HEAD").strip()}


def in_git(root: Path, revision: str) -> list[str]:
    """Paths below `root` that a commit holds."""
    return [path for path in git(root, "ls-tree", "-r", "-z", "--name-only", revision).split("\0") if path]


def settings_of(root: Path) -> dict[str, str]:
    rows = [row for row in run(root, "config", "--local", "--list", "-z").stdout.split("\0") if row]
    pairs = (row.partition("\n")[::2] for row in rows)
    return {key: re.sub(r"(://)[^/@\s]*@", r"\1", value) for key, value in pairs if SETTINGS.fullmatch(key)}


def bundle_name(refs: Mapping[str, str]) -> str:
    """Where the bundle of these refs lies on the drive."""
    text = "".join(f"{target} {name}\n" for name, target in sorted(refs.items()))
    return f"{FOLDER}/{hashlib.sha256(text.encode()).hexdigest()[:16]}.bundle"


def write_bundle(root: Path, drive: Drive) -> tuple[dict[str, str], str, Entry]:
    """A bundle of all that Git holds at `root`: its refs, its name on the drive, its hash. Raises DriveError."""
    drive.incoming.mkdir(exist_ok=True)
    aside = drive.incoming / f"{os.getpid()}.bundle"
    whole, size = hashlib.sha256(), 0
    command = ["git", "-C", str(root), "bundle", "create", "--quiet", "-", "--all", "HEAD"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as making:
        assert making.stdout is not None and making.stderr is not None
        try:
            with aside.open("wb") as out:
                while chunk := making.stdout.read(1 << 20):
                    whole.update(chunk)
                    size += len(chunk)
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
        except OSError:
            making.kill()
            raise
        said = making.stderr.read().decode(errors="replace").strip()
    if making.returncode != 0:
        raise BluebookError(f"Git cannot pack its history, see `git fsck`: {said}")
    refs = heads(aside)
    name = bundle_name(refs)
    (drive.path / FOLDER).mkdir(exist_ok=True)
    aside.replace(drive.path / name)
    return refs, name, Entry(size, whole.hexdigest())


def heads(bundle: Path) -> dict[str, str]:
    """The refs of a bundle. Raises BluebookError where it is none. What other work trees have checked out is listed
    there, too, as `worktrees/NAME/HEAD`, which is no ref in another repository."""
    rows = git(Path(), "bundle", "list-heads", str(bundle.absolute())).splitlines()
    pairs = (row.split(" ", 1) for row in rows)
    return {name: target for target, name in pairs if name == "HEAD" or name.startswith("refs/")}


def covers(root: Path, refs: Mapping[str, str], older: Mapping[str, str]) -> bool:
    """Whether all that the `older` refs reach is reached by `refs`, so that a bundle of these holds those, too."""
    asked = [*older.values(), *(f"^{target}" for target in refs.values())]
    missing = run(root, "rev-list", "--objects", "--max-count=1", "--stdin", text="\n".join(asked) + "\n")
    return missing.returncode == 0 and not missing.stdout.strip()


def only_here(root: Path, there: Mapping[str, str]) -> int:
    """Commits here that none of the refs `there` reaches."""
    known = "".join(f"^{target}\n" for target in there.values() if has(root, target))
    return int(git(root, "rev-list", "--count", "--all", "HEAD", "--stdin", text=known))


def has(root: Path, target: str) -> bool:
    return run(root, "cat-file", "-e", target).returncode == 0


def rebuild(folder: Path, bundle: Path, backup: Manifest, lock: int) -> None:
    """Make `folder` a repository with exactly the refs, HEAD and files of a backup, from a bundle that holds them. Each
    process that does it holds the file descriptor `lock`."""
    refs, head = backup.refs, backup.head

    def act(*arguments: str, text: str | None = None) -> str:
        return git(folder, *arguments, text=text, hold=(lock,))

    act("init", "--quiet", "--initial-branch=bluebook-restoring")
    everything = ("+refs/*:refs/*", "+HEAD:refs/bluebook/restored-head")
    flags = ("--quiet", "--update-head-ok", "--no-write-fetch-head")
    act("fetch", *flags, str(bundle.absolute()), *everything)
    names = act("for-each-ref", "--format=%(refname)").split()
    orders = [f"delete {name}" for name in names if name not in refs]
    orders += [f"update {name} {target}" for name, target in refs.items() if name != "HEAD"]
    act("update-ref", "--stdin", text="".join(f"{order}\n" for order in orders))
    if head.startswith("refs/"):
        act("symbolic-ref", "HEAD", head)
    else:
        act("update-ref", "--no-deref", "HEAD", head)
    for key, value in backup.settings.items():
        act("config", "--local", "--replace-all", key, value)
    act("reset", "--hard", "--quiet", refs["HEAD"])


def broken(root: Path) -> list[str]:
    """What Git finds wrong in its own objects, every one of them hashed again."""
    done = run(root, "fsck", "--full", "--no-dangling", "--no-progress")
    if done.returncode == 0:
        return []
    said = [
        line
        for line in (done.stderr + done.stdout).encode(errors="replace").decode().splitlines()
        if not line.startswith("notice:")
    ]
    return said or [f"git fsck ended with {done.returncode}"]


def mend(root: Path, bundle: Path, refs: Mapping[str, str]) -> None:
    """Give the repository the objects of a bundle, in place of those that it cannot read, and those of its `refs` that
    it lacks. Nothing is thrown away: what cannot be read goes to `bluebook-rotten` in Git's folder."""
    folder = Path(git(root, "rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    objects, aside = folder / "objects", folder / "bluebook-rotten"
    for pack in (objects / "pack").glob("*.pack"):
        if run(root, "verify-pack", str(pack.with_suffix(".idx"))).returncode != 0:
            _set_aside(objects.glob(f"pack/{pack.stem}.*"), aside)
    for loose in objects.glob("[0-9a-f][0-9a-f]/*"):
        if not _sound(loose):
            _set_aside([loose], aside)
    heads_and_pack = bundle.read_bytes()
    start = heads_and_pack.index(b"\n\nPACK") + 2  # a bundle is a list of refs, an empty line and a pack
    done = subprocess.run(
        ["git", "-C", str(root), "index-pack", "--stdin", "--fix-thin"],
        input=heads_and_pack[start:],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise BluebookError(f"git index-pack: {done.stderr.decode(errors='replace').strip()}")
    for name, target in refs.items():
        if name != "HEAD" and run(root, "rev-parse", "--quiet", "--verify", f"{name}^{{}}").returncode != 0:
            run(root, "update-ref", name, target)


def _sound(loose: Path) -> bool:
    """Whether a loose object's content is what its name says."""
    try:
        content = zlib.decompress(loose.read_bytes())
    except (zlib.error, OSError):
        return False
    return hashlib.sha1(content, usedforsecurity=False).hexdigest() == loose.parent.name + loose.name


def _set_aside(files: Iterable[Path], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for file in list(files):
        file.replace(folder / file.name)
