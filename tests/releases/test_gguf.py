"""What a GGUF file holds, read back by the format's own reader; what cannot be written is refused by name."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from tokenizers import Regex, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
)

from bluebook.errors import BluebookError, DataError
from bluebook.families import chat_template, family_named
from bluebook.releases.gguf_file import tensor_types, whole_file
from bluebook.releases.gguf_vocabulary import _LLAMA3, _QWEN2, vocabulary
from bluebook.releases.gguf_writing import Label, write_gguf
from bluebook.steps import Step
from bluebook.training.base import WORDS
from tests.exams.test_answer import SHAPE, byte_tokenizer
from tests.families.speakers import sentence_piece
from tests.releases.test_deploy_modelfile import conversations

QWEN = family_named("qwen")
TOKENS = 300
LABEL = Label("toy", "a" * 64, "embedded")
CONFIGS: dict[str, Any] = {
    "qwen3": lambda **more: Qwen3Config(tie_word_embeddings=True, **more),
    "qwen2": lambda **more: Qwen2Config(tie_word_embeddings=False, **more),
    "llama": lambda **more: LlamaConfig(tie_word_embeddings=False, **more),
    "llama, scaled": lambda **more: LlamaConfig(
        tie_word_embeddings=True,
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
        },
        **more,
    ),
}  # fmt: skip


def tokenizer(pattern: str | None = None, ignore_merges: bool = False) -> PreTrainedTokenizerFast:
    """Three special tokens, one a byte, and merges learned from texts cut by GPT-2's pattern or the one given."""
    made = byte_tokenizer()
    if pattern is not None:
        made.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    texts = [turn.content for messages in conversations(True) for turn in messages]
    more = [
        "don't we'll I'm 1234 12345 a1b22 HTTPServer",
        "the key\n\n  is\tin  the attic...\n",
        "x==y&&z!=0",
    ]
    trained = made.train_new_from_iterator([*texts, *more] * 3, TOKENS)
    trained.backend_tokenizer.model.ignore_merges = ignore_merges
    return trained


def model(config: Any) -> PreTrainedModel:
    torch.manual_seed(3)
    return AutoModelForCausalLM.from_config(config).eval()


def shaped(kind: str, **more: Any) -> Any:
    return CONFIGS[kind](**{"vocab_size": TOKENS, **SHAPE, **more})


def written(found: PreTrainedModel, out: Path, spoken: PreTrainedTokenizerFast | None = None) -> Path:
    write_gguf(found, spoken or tokenizer(), QWEN, out, label=LABEL, running=Step("1", "write"))
    return out


def field(reader: gguf.GGUFReader, name: str) -> Any:
    found = reader.get_field(name)
    return None if found is None else found.contents()


@pytest.mark.parametrize("kind", CONFIGS)
def test_weights_and_shape_come_back(kind: str, tmp_path: Path) -> None:
    whole = model(shaped(kind))
    reader = gguf.GGUFReader(written(whole, tmp_path / "m.gguf"))
    held = {tensor.name: tensor for tensor in reader.tensors}
    embedding = held["token_embd.weight"].data
    assert embedding.dtype == np.float16
    assert np.array_equal(embedding, whole.get_input_embeddings().weight.detach().half().numpy())
    assert held["blk.0.attn_norm.weight"].data.dtype == np.float32
    assert ("output.weight" in held) != whole.config.tie_word_embeddings
    assert ("blk.1.attn_q.bias" in held) == (kind == "qwen2")
    assert ("rope_freqs.weight" in held) == (kind == "llama, scaled")
    architecture = kind.partition(",")[0]
    assert field(reader, "general.architecture") == architecture
    assert field(reader, f"{architecture}.context_length") == SHAPE["max_position_embeddings"]
    assert field(reader, f"{architecture}.attention.head_count_kv") == 1
    assert field(reader, f"{architecture}.attention.key_length") == 16


def test_it_speaks_as_training_did(tmp_path: Path) -> None:
    reader = gguf.GGUFReader(written(model(shaped("qwen3", vocab_size=TOKENS + 5)), tmp_path / "m.gguf"))
    assert field(reader, "tokenizer.chat_template") == chat_template(QWEN)
    tokens, kinds = field(reader, "tokenizer.ggml.tokens"), field(reader, "tokenizer.ggml.token_type")
    assert tokens[2] == QWEN.stop_token and field(reader, "tokenizer.ggml.eos_token_id") == 2
    assert field(reader, "tokenizer.ggml.add_bos_token") is False
    assert [kinds[number] for number in (0, 2, 3, TOKENS + 4)] == [
        gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, gguf.TokenType.NORMAL, gguf.TokenType.UNUSED,
    ]  # fmt: skip
    assert tokens[-1] == f"[PAD{TOKENS + 4}]" and len(tokens) == TOKENS + 5


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (written(model(shaped("llama")), tmp_path / f"{name}.gguf") for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("pattern", "ignore_merges", "cut", "exact"),
    [
        (None, False, "gpt-2", True),
        (_QWEN2, False, "qwen2", True),
        (_LLAMA3, True, "llama-bpe", True),
        (_LLAMA3, False, "qwen2", False),  # llama.cpp would take whole words where this one merges
        (_QWEN2, True, "qwen2", False),
        (WORDS, False, "qwen2", False),  # the embedded base's
    ],
)
def test_a_way_of_cutting_is_known_by_name_or_not_at_all(
    pattern: str | None, ignore_merges: bool, cut: str, exact: bool
) -> None:
    found = vocabulary(tokenizer(pattern, ignore_merges), TOKENS)
    assert (found.cut, found.exact) == (cut, exact)


REFUSED: dict[str, Callable[[], tuple[PreTrainedModel, PreTrainedTokenizerFast]]] = {
    "'mistral'": lambda: (model(MistralConfig(vocab_size=TOKENS, **SHAPE)), tokenizer()),
    "'gpt2'": lambda: (model(GPT2Config(vocab_size=TOKENS, n_embd=32, n_layer=1, n_head=2)), tokenizer()),
    "'qwen3_moe'": lambda: (
        model(Qwen3MoeConfig(vocab_size=TOKENS, num_experts=2, moe_intermediate_size=16, **SHAPE)),
        tokenizer(),
    ),
    "rope of type 'yarn'": lambda: (
        model(
            shaped(
                "qwen3",
                rope_parameters={
                    "rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0, "original_max_position_embeddings": 128,
                },
            )
        ),
        tokenizer(),
    ),
    "a sliding window": lambda: (model(shaped("qwen2", use_sliding_window=True, sliding_window=8)), tokenizer()),
    "the activation 'gelu'": lambda: (model(shaped("llama", hidden_act="gelu")), tokenizer()),
    "the token id 299": lambda: (model(shaped("qwen3", vocab_size=200)), tokenizer()),
    "no merges": lambda: (model(shaped("qwen3")), byte_tokenizer()),
    "SentencePiece": lambda: (model(shaped("llama", vocab_size=400)), sentence_piece(QWEN)),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_written_is_refused_by_name(why: str, tmp_path: Path) -> None:
    found, spoken = REFUSED[why]()
    with pytest.raises(BluebookError, match=why):
        written(found, tmp_path / "m.gguf", spoken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("value", "why"), [(float("nan"), "no number"), (1e6, "too large for 16 bits")])
def test_a_weight_that_cannot_be_held_is_refused(value: float, why: str, tmp_path: Path) -> None:
    found = model(shaped("qwen3"))
    with torch.no_grad():
        found.model.layers[1].mlp.up_proj.weight[0, 0] = value
    with pytest.raises(BluebookError, match=f"blk.1.ffn_up.weight.*{why}"):
        written(found, tmp_path / "m.gguf")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_the_old_file_stays(tmp_path: Path) -> None:
    out = tmp_path / "m.gguf"
    out.write_bytes(b"old")
    for error in (OSError("4096 requested and 0 written"), OSError(errno.ENOSPC, "No space left on device")):
        with pytest.raises(BluebookError, match="the disk is full"), whole_file(out, needed=1) as path:
            path.write_bytes(b"half")
            raise error
    with pytest.raises(BluebookError, match="the disk is full"), whole_file(out, needed=1 << 60):
        pass
    assert out.read_bytes() == b"old" and list(tmp_path.iterdir()) == [out]


def test_the_format_library_meets_a_really_full_disk(tmp_path: Path) -> None:
    """The system refuses to let the file grow, as a full disk does, in the middle of the weights."""
    found = model(shaped("llama"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, limits[1]))
    try:
        with pytest.raises(BluebookError, match="the disk is full"):
            written(found, tmp_path / "m.gguf")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    out = tmp_path / "m.gguf"
    code = (
        "import os, sys, time; from pathlib import Path; from bluebook.releases.gguf_file import whole_file\n"
        "with whole_file(Path(sys.argv[1]), needed=1) as path:\n"
        "    path.write_bytes(b'GGUF half'); print('writing', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(out)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists()
    written(model(shaped("qwen3")), out)
    assert list(tmp_path.iterdir()) == [out]  # what the killed one left is gone too


def test_a_torn_file_is_no_gguf(tmp_path: Path) -> None:
    out = written(model(shaped("qwen3")), tmp_path / "m.gguf")
    assert tensor_types(out) == {"F16": 15, "F32": 9}
    out.write_bytes(out.read_bytes()[:-200])
    with pytest.raises(DataError, match="expected a whole GGUF file"):
        tensor_types(out)
