"""One way to talk to the machine that trains, whether it is this one (`local`) or reached by ssh: a command there,
bytes in, bytes out. Host keys and identities are ssh's own business, and its checks are never turned off."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from bluebook.elsewhere import host
from bluebook.errors import BluebookError
from bluebook.params import TrainOn

T = TypeVar("T")
SSH = (
    "ssh",
    *("-o", "BatchMode=yes"),  # a question would wait for ever
    *("-o", "ConnectTimeout=20"),
    *("-o", "ServerAliveInterval=15"),
    *("-o", "ServerAliveCountMax=4"),
)
BROKEN = 255  # ssh's own exit code


class LinkError(BluebookError):
    """The machine was not reached, or the connection broke: the same may work later."""


class Link:
    """To the machine that `settings` name, from the repository at `root`."""

    def __init__(self, settings: TrainOn, root: Path) -> None:
        self.settings = settings
        self._root = root

    def __str__(self) -> str:
        where = "this machine" if self.settings.kind == "local" else self.settings.host
        return f"{where}:{self.settings.folder}"

    def command(self, script: str) -> list[str]:
        """What runs a shell script there."""
        if self.settings.kind == "local":
            return ["sh", "-c", script]
        return [*SSH, *self.settings.options, "--", self.settings.host, script]

    def reached(self) -> str:
        """Empty, or why the machine cannot be used. Nothing is written there."""
        python = "python3" if self.settings.kind == "ssh" else sys.executable
        try:
            with self._running(shlex.join([python, "-c", "import sys; sys.exit(sys.version_info < (3, 8))"])):
                pass
        except LinkError as error:
            return str(error)
        return ""

    def prepare(self) -> None:
        """Send what answers there. Raises LinkError where nobody does."""
        folder = shlex.quote(self.settings.folder)
        script = f"umask 077 && mkdir -p {folder} && cat > {folder}/host.new && mv {folder}/host.new {folder}/host.py"
        with self._running(script) as (sender, reader):
            _feed(sender, [Path(host.__file__).read_bytes()])
            reader.read()

    def ask(self, kind: type[T], verb: str, *arguments: str, send: Iterable[bytes] = ()) -> T:
        """What the verb of `host.py` answers, as `kind`. Raises LinkError."""
        with self._running(self._verb(verb, arguments)) as (sender, reader):
            feeding = threading.Thread(target=_feed, args=(sender, send), daemon=True)
            feeding.start()
            answer = reader.read()
            feeding.join()
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.DecodeError as error:
            raise LinkError(f"{self}: the connection broke during {verb}") from error

    def read(self, verb: str, *arguments: str) -> Iterator[bytes]:
        """The bytes that the verb gives. Raises LinkError where it does not come to its end."""
        with self._running(self._verb(verb, arguments)) as (sender, reader):
            sender.close()
            yield from iter(lambda: reader.read(host.CHUNK), b"")

    def _verb(self, verb: str, arguments: Sequence[str]) -> str:
        folder = self.settings.folder
        python = "python3" if self.settings.kind == "ssh" else sys.executable
        return shlex.join([python, f"{folder}/host.py", verb, folder, *arguments])

    @contextmanager
    def _running(self, script: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        # A session of its own, so that Ctrl-C here does not break the connection that ends the run there.
        running = subprocess.Popen(
            self.command(script),
            cwd=self._root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert running.stdin and running.stdout and running.stderr
        said: list[bytes] = []
        listening = threading.Thread(target=lambda stream: said.append(stream.read()), args=(running.stderr,))
        listening.start()
        try:
            yield running.stdin, running.stdout
            code = running.wait()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(
                    running.pid, signal.SIGKILL
                )  # of the run, whose keeper left the group, nothing ends
            running.wait()
            raise
        finally:
            listening.join()
            for stream in (running.stdin, running.stdout, running.stderr):
                with suppress(OSError):
                    stream.close()
        if code:
            words = b"".join(said).decode("utf-8", "replace").strip()
            lines = words.splitlines() or ["without a word"]
            kind = "the connection failed" if code == BROKEN else f"the command there ended with {code}"
            raise LinkError(f"{self}: {kind}: {lines[-1]}")


def _feed(stream: IO[bytes], send: Iterable[bytes]) -> None:
    with suppress(BrokenPipeError, ValueError):
        for chunk in send:
            stream.write(chunk)
        stream.flush()
    with suppress(OSError, ValueError):
        stream.close()


def as_json(value: Any) -> bytes:
    return msgspec.json.encode(value)
