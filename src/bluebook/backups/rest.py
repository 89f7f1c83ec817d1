"""What neither Git nor DVC holds and a rebuilt project should have: settings, logs, checkpoints, uncommitted work.

Secrets never leave. A file whose name or text says that it holds one stays here and is named; of settings that hold
addresses, names and passwords are cut out; of DVC's local configuration only what is known to be harmless goes.
"""

from __future__ import annotations

import fnmatch
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bluebook.backups.history import git
from bluebook.backups.manifest import COPIES

LOCAL = "local.yaml"
DVC_LOCAL = ".dvc/config.local"
# Ignored by Git, and worth keeping. What is ignored and not here is made again by a command.
IGNORED = (LOCAL, "logs", "models/checkpoints", "data/drafts/*.now.jsonl*", "data/drafts/*.decisions.jsonl*")
UNWORTHY = (f"{COPIES}/*", "*.lock", "*.pid", ".*.tmp", "*/.*.tmp", "*/.*.tmp/*")  # even among these
SECRET_NAMES = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.kdbx", "id_rsa*", "id_dsa*", "id_ecdsa*",
    "id_ed25519*", ".netrc", ".pgpass", ".pypirc", "credentials", "credentials.*", "secrets", "secrets.*",
    "passwords.*", "*.gpg", "*.asc",
)  # fmt: skip
SECRET_TEXT = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(?:sk-(?:[a-z]+-)?[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{30,}"
    rb"|github_pat_\w{30,}|hf_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35}|glpat-[\w-]{20,})"
)
SECRET_KEYS = re.compile(r"(?i)(pass(word|wd|phrase)?|secret|token|credential|api_?key)$")
SEARCHED = 16 << 20  # bytes; larger files are weights
CREDENTIALS = re.compile(r"(\w://)[^/@\s]+@")
HARMLESS = {
    "core": ("autostage", "check_update", "analytics", "hardlink_lock"),
    "cache": ("dir", "type", "shared"),
}


class Found(NamedTuple):
    """A file to keep. `text` is its content where that is not the file's own."""

    path: str
    text: bytes | None = None


def found(root: Path) -> tuple[list[Found], dict[str, str]]:
    """The files to keep, sorted, and those that stay here, with the reason. Paths are relative to `root`."""
    keep: list[Found] = []
    left: dict[str, str] = {}
    for path in sorted({*_changed(root), *_ignored(root)}):
        if not _utf8(path):
            left[path.encode(errors="surrogateescape").decode(errors="replace")] = "its name is no UTF-8"
        elif (root / path).is_symlink():
            left[path] = "it is a link"
        elif path == LOCAL:
            keep.append(Found(path, _bare_yaml((root / path).read_bytes())))
        elif _secret_name(path):
            left[path] = "its name says that it holds a secret"
        elif _secret_text(root / path):
            left[path] = "it holds what looks like a key"
        else:
            keep.append(Found(path))
    if (root / DVC_LOCAL).exists() and (bare := _bare_config(root)).strip():
        keep.append(Found(DVC_LOCAL, bare))
    return sorted(keep), left


def _changed(root: Path) -> Iterator[str]:
    """What Git does not hold as it is here."""
    prefix = git(root, "rev-parse", "--show-prefix").strip()
    listed = git(root, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", ".")
    for row in listed.split("\0"):
        path = row[3:].removeprefix(prefix)
        if row and (root / path).is_file():
            yield path


def _ignored(root: Path) -> Iterator[str]:
    listed = git(root, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *IGNORED)
    for path in listed.split("\0"):
        worthy = not any(fnmatch.fnmatchcase(path, pattern) for pattern in UNWORTHY)
        if path and worthy and (root / path).is_file():
            yield path


def _secret_name(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in SECRET_NAMES)


def _secret_text(path: Path) -> bool:
    try:
        return path.stat().st_size <= SEARCHED and SECRET_TEXT.search(path.read_bytes()) is not None
    except OSError:  # it is gone, or cannot be read, which is told where it is copied
        return False


def _utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bare_yaml(content: bytes) -> bytes | None:
    """`local.yaml` without secrets; None where it holds none, so that it goes with its comments."""
    text = content.decode("utf-8", errors="replace")
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError:
        return b"# The file could not be read when it was backed up.\n"
    bare = _without_secrets(loaded)
    if bare == loaded and not CREDENTIALS.search(text):
        return None
    return yaml.safe_dump(bare, allow_unicode=True).encode()


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(one) for key, one in value.items() if not SECRET_KEYS.search(str(key))}
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    return CREDENTIALS.sub(r"\1", value) if isinstance(value, str) else value


def _bare_config(root: Path) -> bytes:
    """Of DVC's local configuration the harmless keys and, of each remote, its address without name and password."""
    from configobj import ConfigObj  # type: ignore[import-untyped]  # what DVC reads and writes it with
    from dvc.config import Config

    from bluebook.backups.drive import REMOTE
    from bluebook.doctor.remote import public

    whole = Config.load_file(str(root / DVC_LOCAL))
    bare: dict[str, dict[str, str]] = {}
    for section, keys in HARMLESS.items():
        known = {key: str(whole[section][key]) for key in keys if key in whole.get(section, {})}
        if known:
            bare[section] = known
    for name, remote in whole.get("remote", {}).items():
        if name != REMOTE and "url" in remote:
            bare[f'remote "{name}"'] = {"url": public(str(remote["url"]))}
    out = io.BytesIO()
    ConfigObj(bare).write(out)
    return out.getvalue()
