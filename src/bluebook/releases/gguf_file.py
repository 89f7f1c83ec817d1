"""GGUF files as files: written whole or not at all by whatever program, and what is in one."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gguf

from bluebook.artifacts import disk_full, full_disk, require_space
from bluebook.errors import DataError


@contextmanager
def whole_file(out: Path, *, needed: int) -> Iterator[Path]:
    """A path for a library or another program to write to; what stands there in the end appears at `out`, whole.

    Raises BluebookError unless the disk has `needed` bytes free, and where it fills up all the same.
    """
    require_space(out.parent, needed)
    for left in out.parent.glob(f".{out.name}.*.tmp"):
        left.unlink()  # by a writer that was killed
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(out)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        # numpy says neither why it could not write nor, by a number of the system, that it could not.
        if disk_full(error) or (isinstance(error, OSError) and "requested and" in str(error)):
            raise full_disk(out, needed) from error
        raise


def tensor_types(path: Path) -> dict[str, int]:
    """How many tensors of a GGUF file are held in which type. Raises DataError where it is no whole GGUF file."""
    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, IndexError, OSError) as error:
        raise DataError(path, None, f"expected a whole GGUF file: {error}") from error
    return dict(sorted(Counter(tensor.tensor_type.name for tensor in reader.tensors).items()))
