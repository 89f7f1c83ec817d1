"""llama.cpp itself, where its Python binding is installed: the greedy answers of transformers, in 16 bits and less.

The binding builds from source for some ten minutes, so it is no part of the pinned environment: `pip install
'.[deploy]'`, and these tests run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from bluebook.exams.engine import Asked
from bluebook.families import chat_template, encode_prompt, family_named, render_prompt
from bluebook.generation import content, greedy
from bluebook.models import load_tokenizer
from bluebook.records import Message
from bluebook.releases.deployment_server import FLOAT32, own_tokenizer
from bluebook.releases.deployment_weights import merged
from bluebook.releases.gguf_quantising import QUANTISATIONS, quantise
from bluebook.releases.gguf_vocabulary import _LLAMA3, _QWEN2
from bluebook.releases.gguf_writing import Label, write_gguf
from bluebook.steps import Step
from tests.releases.deploying import asked_here, base_and_adapter, items
from tests.releases.test_deploy_modelfile import conversations
from tests.releases.test_gguf import CONFIGS, model, shaped, tokenizer, written

pytestmark = pytest.mark.slow
llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python: pip install '.[deploy]'")
QWEN = family_named("qwen")


@contextmanager
def loaded(file: Path, **more: Any) -> Iterator[Any]:
    whole = llama_cpp.Llama(
        str(file), n_ctx=256, n_threads=1, type_k=FLOAT32, type_v=FLOAT32, verbose=False, **more
    )
    with closing(whole):
        yield whole


def texts(file: Path, prompts: list[list[int]], tokens: int) -> list[list[int]]:
    """What llama.cpp goes on with, greedily, by its own ids."""
    found = []
    with loaded(file) as whole:
        for prompt in prompts:
            written: list[int] = []
            for token in whole.generate(prompt, temp=0.0, repeat_penalty=1.0):
                written.append(token)
                if len(written) == tokens or token == whole.token_eos():
                    break
            found.append(written)
    return found


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_architecture_writes_as_transformers_does(kind: str, tmp_path: Path) -> None:
    """Large random weights: the next token is decided by far more than 16 bits round off."""
    whole, spoken = model(shaped(kind)), tokenizer()
    with torch.no_grad():
        for weight in whole.parameters():  # as the file holds them
            weight.copy_(weight.half().float())
    prompts = [
        encode_prompt(spoken, QWEN, [Message(role="user", content=f"{word} {number}")])
        for number, word in enumerate(["lamp", "kettle", "über", "in the attic, long ago", "x"])
    ]
    ours = greedy(whole, prompts, [12] * len(prompts), stop=2, at_once=len(prompts))
    theirs = texts(written(whole, tmp_path / "m.gguf"), prompts, 12)
    assert ours == theirs


@pytest.mark.parametrize(
    ("pattern", "ignore"),
    [(None, False), (_QWEN2, False), (_LLAMA3, True)],
    ids=["gpt-2", "qwen2", "llama-bpe"],
)
def test_a_way_of_cutting_that_is_called_exact_is(pattern: str | None, ignore: bool, tmp_path: Path) -> None:
    spoken = tokenizer(pattern, ignore)
    found = model(shaped("qwen3", vocab_size=len(spoken)))
    with loaded(written(found, tmp_path / "m.gguf", spoken), vocab_only=True) as vocabulary:
        for messages in conversations(True):
            text = render_prompt(QWEN, messages)
            ours = spoken.encode(text, add_special_tokens=False)
            assert vocabulary.tokenize(text.encode(), add_bos=False, special=True) == ours


@pytest.fixture(scope="module", params=["full", "lora"])
def embedded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Path]:
    """Base, adapter, and the file made of them."""
    root = tmp_path_factory.mktemp(request.param)
    base, adapter = base_and_adapter(root, request.param)
    out = root / "f16.gguf"
    label = Label("toy", "a", "embedded")
    write_gguf(
        merged(base, adapter), load_tokenizer(base), QWEN, out, label=label, running=Step("1", "write")
    )
    return base, adapter, out


@pytest.mark.parametrize("kind", ["F16", *QUANTISATIONS])
def test_the_embedded_adapter_answers_the_exam_as_transformers_does(
    embedded: tuple[Path, Path, Path], kind: str, tmp_path: Path
) -> None:
    base, adapter, file = embedded
    if kind != "F16":
        file, whole = tmp_path / f"{kind}.gguf", file
        held = quantise(whole, file, kind)
        assert "F16" not in held and file.stat().st_size < 0.6 * whole.stat().st_size
    asked, spoken = items(24), load_tokenizer(base)
    here = [answer.text for answer in asked_here(base, adapter, asked)]
    prompts = [encode_prompt(spoken, QWEN, Asked(item, "free").messages) for item in asked]
    there = [content(spoken, QWEN, found) for found in texts(file, prompts, 32)]
    assert len(set(here)) > 20
    same = sum(one == other for one, other in zip(here, there, strict=True))
    assert same == 24 if kind == "F16" else same >= 22


def test_the_template_in_the_file_writes_what_training_wrote(tmp_path: Path) -> None:
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    with loaded(written(model(shaped("qwen3")), tmp_path / "m.gguf"), vocab_only=True) as whole:
        template = whole.metadata["tokenizer.chat_template"]
    assert template == chat_template(QWEN)
    formatter = Jinja2ChatFormatter(template, eos_token="<|im_end|>", bos_token="")
    for messages in conversations(True):
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        assert formatter(messages=turns).prompt == render_prompt(QWEN, messages)


def test_the_servers_tokenizer_is_ours_and_gives_every_byte(embedded: tuple[Path, Path, Path]) -> None:
    base, _, _ = embedded
    theirs, ours = own_tokenizer().from_pretrained(str(base)), load_tokenizer(base)
    for messages in conversations(True):
        text = render_prompt(QWEN, messages)
        ids = ours.encode(text, add_special_tokens=False)
        assert theirs.tokenize(text.encode()) == ids
        assert theirs.detokenize(ids, special=True) == text.encode()
        # Token by token, the halves of a letter are halves.
        assert (
            b"".join(theirs.detokenize([token], prev_tokens=ids, special=True) for token in ids)
            == text.encode()
        )
    assert theirs.detokenize(ours.encode("a<|im_end|>b", add_special_tokens=False)) == b"ab"
