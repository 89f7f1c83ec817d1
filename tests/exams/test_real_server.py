"""A real server process on loopback, `transformers serve` with a tiny checkpoint, answers as the same model here.

It takes no token ids and counts the prompt, so it is spoken to through the door `text`; it knows no grammar.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bluebook.exams.client import Client, Refused, Unreachable
from bluebook.exams.doors import OtherBytes, Voice
from bluebook.exams.engine import Asked
from bluebook.exams.inprocess import InProcess
from bluebook.exams.server import NotApplied, Server
from bluebook.families import chat_template, family_named
from bluebook.records import Answer
from tests.exams.conftest import exam
from tests.exams.test_answer import candidate

NEEDED = ("fastapi", "uvicorn", "openai")
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED), reason="needs transformers[serving]"
)
PORT = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint; `base` beside it is another one."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("adapter", 2), ("base", 1)):
        built = candidate("qwen3", seed)
        built.tokenizer.chat_template = chat_template(family_named("qwen"))
        built.model.save_pretrained(folder / name)
        built.tokenizer.save_pretrained(folder / name)
    return folder / "adapter"


@pytest.fixture(scope="module")
def url(adapter: Path) -> Iterator[str]:
    command = "from transformers.cli.transformers import main; main()"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", command, "serve", "--host", "127.0.0.1", "--port", "0", "--device", "cpu"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := PORT.search(line):
            break
    else:
        pytest.fail(f"the server did not start: {said}")
    reader = threading.Thread(target=process.stderr.read)  # a full pipe would stop it
    reader.start()
    yield f"http://127.0.0.1:{found[1]}/v1"
    process.terminate()
    process.wait()
    reader.join()


def voice() -> Voice:
    spoken = candidate("qwen3", 2)
    return Voice(spoken.tokenizer, spoken.family, spoken.context)


def engine(url: str, model: Path, base_model: str | None = None, said: Voice | None = None) -> Server:
    client = Client(url, seconds=60, pauses=())
    return Server(client, str(model), said or voice(), max_new_tokens=24, at_once=3, base_model=base_model)


def texts(answers: list[Answer]) -> dict[str, str]:
    return {answer.item: whole(answer.text) for answer in answers}


def whole(text: str) -> str:
    """Without half a character at its end, which a stream does not give out."""
    return text.rstrip("\ufffd")


def test_it_answers_as_the_same_model_in_this_process(url: str, adapter: Path) -> None:
    asked = [Asked(item, "free") for item in exam(12)]
    server = engine(url, adapter, base_model=str(adapter.parent / "base"))
    there = [answer for group in server.write(server.plan(asked)) for answer in group]
    local = InProcess(candidate("qwen3", 2), tokens=24, batch=4)
    here = [answer for group in local.write(local.plan(asked)) for answer in group]
    assert texts(there) == texts(here)
    assert {a.item: a.finish for a in there} == {a.item: a.finish for a in here}
    assert len(set(texts(there).values())) > 1
    streamed = "".join(server.stream(asked[0].messages, "free"))
    assert whole(streamed) == texts(here)[asked[0].item.id]


def test_a_base_in_the_adapters_place_is_found_out(url: str, adapter: Path) -> None:
    server = engine(url, adapter, base_model=str(adapter))
    with pytest.raises(NotApplied):
        list(server.write(server.plan([Asked(item, "free") for item in exam(4)])))


def test_another_familys_wrapping_is_refused(url: str, adapter: Path) -> None:
    """What was trained with another template than the server's tokenizer knows is shown as other tokens."""
    spoken = voice()
    other = Voice(candidate("qwen3").tokenizer, family_named("llama3"), spoken.context)
    other.tokenizer.add_special_tokens({"additional_special_tokens": ["<|begin_of_text|>", "<|eot_id|>"]})
    with pytest.raises(OtherBytes):
        engine(url, adapter, said=other)


def test_a_model_that_it_does_not_have_is_refused(url: str, adapter: Path) -> None:
    with pytest.raises((Refused, Unreachable)):  # it answers 500, as for a fault of its own
        engine(url, adapter.parent / "nobody")
