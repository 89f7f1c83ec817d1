"""The DVC remote: is there one, on another drive, reachable and writable.

A remote's URL and options can hold passwords. Nothing of them is printed but scheme, host and path, and of an error
only its kind: messages of storage libraries repeat what they were given.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bluebook.doctor import children
from bluebook.doctor.disk import existing
from bluebook.doctor.findings import Finding, fine, note, warning

LIMIT = 12.0  # seconds for a remote over the network
READ_ONLY = re.compile("https?://")  # a file written there can often not be removed again, so none is
ADD = "`bluebook remote set FOLDER-ON-ANOTHER-DRIVE`, then `bluebook backup run`"


class Remote(msgspec.Struct, kw_only=True, frozen=True):
    name: str
    url: str

    @property
    def local(self) -> Path | None:
        """Its folder, None where it is reached by a protocol."""
        parts = urlsplit(self.url)
        if parts.scheme == "file":
            return Path(parts.path)
        return None if "://" in self.url else Path(self.url)


def configured(root: Path) -> Remote | None:
    """The default remote; the only one counts as such. Raises dvc's ConfigError for a broken config."""
    from dvc.config import Config

    config = Config(str(root / ".dvc"))
    remotes = config["remote"]
    name = config["core"].get("remote") or (next(iter(remotes)) if len(remotes) == 1 else None)
    if name is None or name not in remotes:
        return None
    return Remote(name=name, url=str(remotes[name]["url"]))


def public(url: str) -> str:
    """The URL without user, password, query and fragment."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def remote(root: Path, limit: float = LIMIT) -> list[Finding]:
    from dvc.config import ConfigError

    try:
        found = configured(root)
    except ConfigError:
        return []  # told by the probe of DVC itself
    if found is None:
        return [note("remote", "none: trained models exist on this machine only", ADD)]
    said = f"{found.name} at {public(found.url)}"
    if found.local is None:
        return [_reached(root, found, said, limit)]
    return [_folder(root, found.local, said)]


def _folder(root: Path, folder: Path, said: str) -> Finding:
    if not folder.is_dir():
        # A missing folder on the repository's own drive is a drive that is not mounted, or was never made.
        return warning("remote", f"{said} is not there", "mount its drive, or make the folder")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x" * 4096)
            file.flush()
    except OSError as error:
        return warning(
            "remote", f"{said} cannot be written: {error.strerror}", "check its rights and free space"
        )
    if existing(folder).stat().st_dev == existing(root / ".dvc").stat().st_dev:
        return warning(
            "remote", f"{said} lies on the repository's own drive", f"one dead drive takes both: {ADD}"
        )
    return fine("remote", f"{said}, on another drive, writable")


def _reached(root: Path, found: Remote, said: str, limit: float) -> Finding:
    command = [sys.executable, "-P", "-m", "bluebook.doctor.remote", str(root.absolute()), found.name]
    ended = children.run(command, limit)
    if not ended.how:
        tried = "reachable" if READ_ONLY.match(found.url) else "reachable and writable"
        return fine("remote", f"{said}, {tried}")
    known = [line.removeprefix(_MARK) for line in ended.output.splitlines() if line.startswith(_MARK)]
    why = known[-1] if known else ended.how
    return warning("remote", f"{said} cannot be used: {why}", "check network and credentials with `dvc push`")


_MARK = "failed: "


def main(root: str, name: str) -> None:
    """The child's part: write a small file to the remote and remove it. Prints only the kind of an error."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    step = "connecting"
    try:
        storage = Repo(root).cloud.get_remote_odb(name)
        storage.fs.exists(storage.path)
        if not READ_ONLY.match(storage.fs.unstrip_protocol(storage.path)):
            step = "writing"
            target = storage.fs.join(storage.path, f".doctor-{os.getpid()}")
            storage.fs.makedirs(storage.path, exist_ok=True)
            with tempfile.NamedTemporaryFile() as file:
                storage.fs.put_file(file.name, target)
            storage.fs.rm_file(target)
    except (OSError, RuntimeError, ValueError, ImportError, DvcException) as error:
        print(f"{_MARK}{step}: {type(error).__name__}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
