"""A whole model as one GGUF file in 16 bits: weights, tokenizer and chat template, for llama.cpp and Ollama.

Only architectures whose tensors are known here by name are written; whatever else a config may ask for is refused by
name, because llama.cpp would compute something else without an error. The same model gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bluebook.errors import BluebookError
from bluebook.families import Family, chat_template, verify_template
from bluebook.generation import stop_id
from bluebook.releases.gguf_file import whole_file
from bluebook.releases.gguf_vocabulary import Vocabulary, vocabulary
from bluebook.steps import Step

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
LARGEST = float(np.finfo(np.float16).max)


class Label(NamedTuple):
    """What a file says of itself: a name for people, and which adapter and base it was made from."""

    name: str
    adapter: str
    base: str


class _Tensor(NamedTuple):
    """A weight under its name in the file; `heads` are to be put into llama.cpp's order where not 0."""

    name: str
    weight: torch.Tensor
    heads: int


def write_gguf(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    family: Family,
    out: Path,
    *,
    label: Label,
    running: Step,
) -> Vocabulary:
    """Write `model` to `out`: matrices in float16, vectors in float32. The file appears whole or not at all.

    The chat template in it is the family's, proved equal to the tokenizer's own; no switch is left to a server.

    Raises BluebookError, by name, for an architecture, an option or a tokenizer that cannot be written, for a weight
    that float16 cannot hold, and where the disk is full.
    """
    config = model.config
    architecture = _supported(config)
    verify_template(tokenizer, family)
    words = vocabulary(tokenizer, model.get_input_embeddings().weight.shape[0])
    tensors = list(_tensors(model, architecture))
    arrays = [_size(tensor) for tensor in tensors]
    with whole_file(out, needed=sum(arrays)) as path:
        writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
        try:
            _describe(writer, config, label)
            _speak(writer, words, tokenizer, family)
            for tensor, size in zip(tensors, arrays, strict=True):
                held = np.dtype(np.float16 if tensor.weight.dim() > 1 else np.float32)
                writer.add_tensor_info(tensor.name, list(tensor.weight.shape), held, size)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            for done, tensor in enumerate(tensors, 1):
                writer.write_tensor_data(_array(tensor))
                running.progress(done, len(tensors))
        finally:
            writer.close()
    return words


def _supported(config: Any) -> gguf.MODEL_ARCH:
    kind = config.model_type
    if kind not in ARCHITECTURES:
        raise BluebookError(
            f"a model of type {kind!r} is not converted to GGUF here, only {', '.join(sorted(ARCHITECTURES))}; merge "
            "the adapter and use llama.cpp's own convert_hf_to_gguf.py"
        )
    rope = config.rope_parameters
    scaled = rope.get("rope_type", "default")
    known = {"default", "linear", "llama3"} if kind == "llama" else {"default"}
    refused = {
        f"rope of type {scaled!r}": scaled not in known or rope.get("partial_rotary_factor", 1) != 1,
        "a sliding window": bool(getattr(config, "use_sliding_window", False)),
        f"the activation {config.hidden_act!r}": config.hidden_act != "silu",
    }
    for what, found in refused.items():
        if found:
            raise BluebookError(f"a {kind} model with {what} is not converted to GGUF here")
    return ARCHITECTURES[kind]


def _tensors(model: PreTrainedModel, architecture: gguf.MODEL_ARCH) -> Iterator[_Tensor]:
    config = model.config
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    # Transformers turns halves of a head, llama.cpp's `llama` neighbours in it.
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    turned = heads if architecture == gguf.MODEL_ARCH.LLAMA else {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue  # llama.cpp takes the embedding where there is no head
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise BluebookError(f"the weight {name} has no place in a GGUF of a {config.model_type} model")
        yield _Tensor(found, weight, turned.get(name.split(".")[-2], 0))
    divisors = _frequency_divisors(model)
    if not torch.allclose(divisors, torch.ones_like(divisors)):
        yield _Tensor("rope_freqs.weight", divisors, 0)


def _frequency_divisors(model: PreTrainedModel) -> torch.Tensor:
    """By what each of the model's rotary frequencies is slower than theta^(-2i/d): 1 where nothing is scaled."""
    found = model.get_decoder().rotary_emb.inv_freq.float().cpu()
    steps = torch.arange(len(found), dtype=torch.float32) / len(found)
    return model.config.rope_parameters["rope_theta"] ** -steps / found


def _size(tensor: _Tensor) -> int:
    return int(tensor.weight.numel()) * (2 if tensor.weight.dim() > 1 else 4)


def _array(tensor: _Tensor) -> np.ndarray[Any, Any]:
    weight = tensor.weight.detach().float().cpu()
    if tensor.heads:
        parts = weight.reshape(tensor.heads, 2, weight.shape[0] // tensor.heads // 2, *weight.shape[1:])
        weight = parts.transpose(1, 2).reshape(weight.shape)
    if not torch.isfinite(weight).all():
        raise BluebookError(f"the weight {tensor.name} holds a value that is no number; train again")
    if weight.dim() == 1:
        vector: np.ndarray[Any, Any] = weight.contiguous().numpy()
        return vector
    if weight.abs().max() > LARGEST:
        raise BluebookError(f"the weight {tensor.name} holds {weight.abs().max():.3g}, too large for 16 bits")
    matrix: np.ndarray[Any, Any] = weight.to(torch.float16).contiguous().numpy()
    return matrix


def _describe(writer: gguf.GGUFWriter, config: Any, label: Label) -> None:
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(label.name)
    writer.add_string("bluebook.adapter", label.adapter)
    writer.add_string("bluebook.base", label.base)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _speak(
    writer: gguf.GGUFWriter, words: Vocabulary, tokenizer: PreTrainedTokenizerBase, family: Family
) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(words.cut)
    writer.add_bool("bluebook.tokenizer_exact", words.exact)
    writer.add_token_list(words.tokens)
    writer.add_token_types(words.types)
    writer.add_token_merges(words.merges)
    # An answer ends with the family's stop token, whatever end token the tokenizer came with.
    writer.add_eos_token_id(stop_id(tokenizer, family))
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    if tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_add_bos_token(False)  # the template writes it where the family has one
    writer.add_add_eos_token(False)
    writer.add_chat_template(chat_template(family))
