"""llama-cpp-python's OpenAI-compatible server with two things put right, and how one is started and stopped.

    python -m bluebook.releases.deployment_server --config_file FILE

is `python -m llama_cpp.server --config_file FILE`, but

- where the configuration names a tokenizer (`hf_pretrained_model_name_or_path`, for a base whose way of cutting text
  llama.cpp does not know), prompts are turned into tokens as in training, and each token written gives its bytes. The
  server's own class puts a replacement character wherever a token ends in the middle of a letter;
- a request that it does not understand (token ids for a prompt, say) gets the status 422. The server's own answer is
  500, which a client takes for a fault that passes, and tries again.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bluebook.errors import BluebookError

HOST = "127.0.0.1"
FLOAT32 = 0  # ggml's number for the type
MODULE = "bluebook.releases.deployment_server"
TOKENIZER = "tokenizer.json"
_UP = re.compile(r"Uvicorn running on")


class Serving(msgspec.Struct, kw_only=True, frozen=True):
    """One model of a server's configuration, under the names that llama-cpp-python gives them."""

    model: str
    model_alias: str
    n_ctx: int
    n_gpu_layers: int = -1  # all, where llama.cpp was built for a card
    logits_all: bool = False  # else it keeps those of the whole context
    # What was read is held in 32 bits. In 16, its default, three of 128 answers took another way at a near tie.
    type_k: int = FLOAT32
    type_v: int = FLOAT32
    last_n_tokens_size: int = 0  # else it holds a word that was said against the model, which no exam does
    hf_pretrained_model_name_or_path: str | None = None  # where llama.cpp cannot tokenise by itself
    verbose: bool = False


def command(config: Path) -> list[str]:
    """How a person starts the server that `config` describes."""
    return ["python", "-m", MODULE, "--config_file", config.as_posix()]


def configuration(serving: Serving, port: int) -> bytes:
    """The server's configuration file, as JSON."""
    models = [{name: value for name, value in msgspec.to_builtins(serving).items() if value is not None}]
    written = msgspec.json.encode({"host": HOST, "port": port, "models": models}, order="sorted")
    return msgspec.json.format(written, indent=2) + b"\n"


@contextmanager
def running(serving: Serving) -> Iterator[str]:
    """The address of a server of this model, which ends with the block.

    Raises BluebookError where it does not start, with what it said last.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "server.json"
        port = _free_port()
        config.write_bytes(configuration(serving, port))
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, "--config_file", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # Whatever a person has set there would win over the configuration.
            env={
                name: value
                for name, value in os.environ.items()
                if name not in {"HOST", "PORT", "CONFIG_FILE"}
            },
        )
        try:
            reader = _wait_until_up(process, serving)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.wait()
        reader.join()


def _wait_until_up(process: subprocess.Popen[str], serving: Serving) -> threading.Thread:
    """Returns the thread that goes on reading what the server says: a full pipe would stop it."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        if _UP.search(line):
            reader = threading.Thread(target=process.stderr.read)
            reader.start()
            return reader
        said.append(line.strip())
    last = next((line for line in reversed(said) if line), "nothing")
    raise BluebookError(f"llama-cpp-python's server of {serving.model} did not start; it said last: {last}")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        return int(taken.getsockname()[1])


def own_tokenizer() -> Any:
    """The class that stands in for the server's own way to use a transformers tokenizer."""
    from llama_cpp.llama_tokenizer import BaseLlamaTokenizer
    from tokenizers import Tokenizer

    class OwnTokenizer(BaseLlamaTokenizer):  # type: ignore[misc]
        def __init__(self, ours: Tokenizer) -> None:
            self.ours = ours
            letters = _bytes_of_letters()
            added = ours.get_added_tokens_decoder()
            self.controls = {number for number, token in added.items() if token.special}
            self.pieces = {
                number: token.encode() if number in added else bytes(letters[letter] for letter in token)
                for token, number in ours.get_vocab(with_added_tokens=True).items()
            }

        @classmethod
        def from_pretrained(cls, folder: str) -> OwnTokenizer:
            return cls(Tokenizer.from_file(str(Path(folder) / TOKENIZER)))

        def tokenize(self, text: bytes, add_bos: bool = True, special: bool = True) -> list[int]:
            ids: list[int] = self.ours.encode(
                text.decode("utf-8", errors="ignore"), add_special_tokens=False
            ).ids
            return ids

        def detokenize(
            self, tokens: list[int], prev_tokens: list[int] | None = None, special: bool = False
        ) -> bytes:
            shown = (token for token in tokens if special or token not in self.controls)
            return b"".join(self.pieces.get(token, b"") for token in shown)

    return OwnTokenizer


def _bytes_of_letters() -> dict[str, int]:
    """Which byte each letter of a byte-level vocabulary stands for: printable ones for themselves, the others, in
    order, for the letters from U+0100 on (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019).
    """
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


def _refuse_as_others_do(handler: Any) -> None:
    """Make the server's class that words errors give 422 for a request that it does not understand."""
    from fastapi.exceptions import RequestValidationError

    worded = handler.error_message_wrapper

    def wrapper(self: Any, error: Exception, body: Any = None) -> Any:
        status, response = worded(self, error, body)
        return 422 if isinstance(error, RequestValidationError) else status, response

    handler.error_message_wrapper = wrapper


def main() -> None:
    from llama_cpp import llama_tokenizer
    from llama_cpp.server import errors
    from llama_cpp.server.__main__ import main as serve

    llama_tokenizer.LlamaHFTokenizer = own_tokenizer()
    _refuse_as_others_do(errors.RouteErrorHandler)
    serve()


if __name__ == "__main__":
    main()
