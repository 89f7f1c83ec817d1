"""Bases, adapters and the machine they run on.

`models/base/` always holds the config, the tokenizer and `base.json`. The weights lie there too when the
base was built here; a base from a hub or a folder keeps its weights where they are, and the manifest says
exactly which ones. An adapter's `adapter.json` names the base, tokenizer and chat template it was trained
with, and loading refuses any other: an adapter on the wrong base answers nonsense without an error.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from functools import cache
from math import prod
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import torch
from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from safetensors import safe_open
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from bluebook import cards
from bluebook.artifacts import disk_full, full_disk, sha256, write_json
from bluebook.errors import BluebookError, DataError
from bluebook.params import Local, Quantisation
from bluebook.steps import retry

BASE_MANIFEST = "base.json"
ADAPTER_MANIFEST = "adapter.json"

transformers_logging.disable_progress_bar()  # "Loading weights" bars in a step log help nobody


class BaseManifest(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`base.json`: which weights the base consists of."""

    source: Literal["embedded", "folder", "hub"]
    location: (
        str  # hub name, folder relative to the repository, or `.` where the weights lie beside this file
    )
    revision: str | None
    family: str
    model_type: str
    parameters: int | None  # unknown until a hub model's weights are there
    weights_sha256: str | None  # a hub model is pinned by its revision instead


class AdapterManifest(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`adapter.json`: what the adapter was trained on, and so what it may be loaded with."""

    method: Literal["full", "lora", "qlora"]
    quantisation: Quantisation | None  # how qlora held the base; it answers on the same
    base: BaseManifest
    tokenizer_sha256: str
    chat_template_sha256: str


class Placement(NamedTuple):
    """Where a model runs and in which type its weights are held."""

    device: torch.device
    dtype: torch.dtype
    mixed: bool  # whether training computes in bfloat16 where that is safe, whatever the weights are held in


@cache  # said once, and cards are hidden once
def _place(device: str, dtype: str) -> Placement:
    wanted = _choose() if device == "auto" else device
    try:
        chosen = torch.device(wanted)
    except RuntimeError:
        chosen = torch.device("meta")
    if chosen.type not in {"cpu", "cuda"}:
        raise BluebookError(f"local.yaml: device {device!r} is not one of auto, cpu, cuda, cuda:N")
    if chosen.type == "cuda":
        chosen = _only_card(device, chosen.index or 0)
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        name = torch.cuda.get_device_name(chosen)
        held = torch.bfloat16 if native and dtype == "auto" else torch.float32
    else:
        native = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and torch.cpu._is_avx512_bf16_supported()
        name = f"{torch.get_num_threads()} threads"
        held = torch.float32
    if dtype == "bfloat16":
        held = torch.bfloat16
    mixed = dtype == "bfloat16" or (dtype == "auto" and native)
    print(
        f"device: {wanted} ({name}), weights in {str(held).removeprefix('torch.')}",
        file=sys.stderr,
        flush=True,
    )
    return Placement(chosen, held, mixed)


def _choose() -> str:
    """The device that `auto` stands for. One of several processes has the card of its own number."""
    if torch.version.cuda is None and torch.version.hip is None:
        return "cpu"
    if "LOCAL_RANK" in os.environ and torch.cuda.is_available():
        return "cuda"
    found = cards.seen()
    if not found.torch:
        raise BluebookError(f"{found.error}. Set `device: cpu` in local.yaml, or see `bluebook doctor`")
    choice = cards.choose(found.cards)
    for index, why in choice.passed_over.items():
        print(f"device: cuda:{index} is passed over: {why}", file=sys.stderr)
    if choice.card is None and found.error:
        print(f"device: no card: {found.error}", file=sys.stderr)
    return choice.device


def _only_card(asked: str, index: int) -> torch.device:
    """Hide every other card: trainers spread a model over all they see, or refuse to start."""
    index = int(os.environ.get("LOCAL_RANK", index))  # of several processes, each has a card of its own
    count = torch.cuda.device_count()
    if index >= count:
        raise BluebookError(
            f"local.yaml: device {asked!r} is not there; torch sees {count} CUDA or ROCm devices. Set "
            f"device to one of them, to cpu, or to auto"
        )
    if count > 1 and "WORLD_SIZE" not in os.environ:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count)))).split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[index]
        return torch.device("cuda:0")
    return torch.device(f"cuda:{index}")


def place(local: Local) -> Placement:
    """The device and type that `local.yaml` asks for; says on stderr which they are.

    `auto` takes what exists. A device that is named and not there is a BluebookError: nobody wants to find
    out after a night that the run was on the CPU.
    """
    if local.threads:
        torch.set_num_threads(local.threads)
    return _place(local.device, local.dtype)


def seed_everything(seed: int) -> None:
    """Seed Python's and torch's generators, on every device."""
    random.seed(seed)
    torch.manual_seed(seed)


def read_manifest(folder: Path, name: str, kind: type[Any]) -> Any:
    path = folder / name
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise DataError(path, None, "not found; run `dvc repro` first") from None
    except msgspec.DecodeError as error:
        raise DataError(path, None, f"expected a {kind.__name__}: {error}") from error


def base_manifest(folder: Path) -> BaseManifest:
    manifest: BaseManifest = read_manifest(folder, BASE_MANIFEST, BaseManifest)
    return manifest


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a base or adapter folder; nothing is added to it.

    Without a pad token it pads with its end token. That is safe here: pads are masked by position, never by
    their id.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def weights_sha256(folder: Path) -> str:
    """Hash of a folder's safetensors files, by name and content. Raises DataError where there are none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise DataError(
            folder, None, "expected weights as *.safetensors; found none. Convert the model first"
        )
    return hashlib.sha256("".join(f"{file.name}\0{sha256(file)}\n" for file in files).encode()).hexdigest()


def count_parameters(folder: Path) -> int:
    """Weights in a folder's safetensors files, read from their headers."""
    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            total += sum(prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return total


def passing(error: BaseException) -> bool:
    """Whether a failed download may work later: the network or the hub, not a wrong name or a full disk."""
    causes: list[BaseException] = []
    found: BaseException | None = error
    while found is not None:
        causes.append(found)
        found = found.__cause__ or found.__context__
    if any(isinstance(cause, OfflineModeIsEnabled) or disk_full(cause) for cause in causes):
        return False
    answers = [cause.response.status_code for cause in causes if isinstance(cause, HfHubHTTPError)]
    if answers:
        return all(code in {408, 429} or code >= 500 for code in answers)
    return any(isinstance(cause, (ConnectionError, TimeoutError, HTTPError)) for cause in causes)


def load_base(
    folder: Path,
    local: Local,
    *,
    dtype: torch.dtype | None = None,
    quantisation: Quantisation | None = None,
) -> PreTrainedModel:
    """The base of `folder`, ready to write, with weights in `dtype` (default: what `local` says).

    With `quantisation` its linear layers, the output head excepted, are held in 4 or 8 bits.

    Raises BluebookError when the weights are not those of the manifest or are not on this machine.
    """
    placement = place(local)
    manifest = base_manifest(folder)
    where = {"embedded": folder, "folder": Path(manifest.location)}.get(manifest.source)
    if where is not None and weights_sha256(where) != manifest.weights_sha256:
        raise DataError(
            where, None, f"weights are not those that {folder / BASE_MANIFEST} names; run `dvc repro -f base`"
        )
    held = dtype or placement.dtype
    try:
        model = retry(
            f"loading {manifest.location}",
            lambda: AutoModelForCausalLM.from_pretrained(
                where or manifest.location,
                revision=manifest.revision or "main",
                dtype=held,
                quantization_config=None if quantisation is None else quantised(quantisation, held),
                # Each weight goes there as it is read, not all by way of memory.
                device_map={"": placement.device},
                local_files_only=where is not None,
            ),
            worth=passing,
        )
    except OSError as error:
        if disk_full(error):
            raise full_disk(
                Path(error.filename or "."), manifest.parameters and 2 * manifest.parameters
            ) from error
        raise BluebookError(
            f"cannot load {manifest.location} at revision {manifest.revision}: {error}. Without a network, "
            f"download it once with `hf download {manifest.location} --revision {manifest.revision}`"
        ) from error
    if quantisation == "nf4":
        for layer in model.modules():
            # On some processors a layer that is evaluated once rewrites its weights for good, coarser, for a kernel
            # that has no gradient and fails on widths that are no multiple of 64.
            if hasattr(layer, "support_avx512bf16_for_cpu"):
                layer.support_avx512bf16_for_cpu = False
    return model.eval()


def quantised(kind: Quantisation, dtype: torch.dtype) -> BitsAndBytesConfig:
    """How bitsandbytes holds a base: NF4 with quantised scales (Dettmers et al. 2023), or LLM.int8 (2022)."""
    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def adapter_manifest(
    base_folder: Path, method: Literal["full", "lora", "qlora"], quantisation: Quantisation | None = None
) -> AdapterManifest:
    """The manifest of an adapter that is being trained on `base_folder`."""
    template = load_tokenizer(base_folder).chat_template
    if not isinstance(template, str):
        raise DataError(base_folder, None, "expected a tokenizer with one chat template")
    return AdapterManifest(
        method=method,
        quantisation=quantisation if method == "qlora" else None,
        base=base_manifest(base_folder),
        tokenizer_sha256=sha256(base_folder / "tokenizer.json"),
        chat_template_sha256=hashlib.sha256(template.encode()).hexdigest(),
    )


def write_manifest(folder: Path, manifest: BaseManifest | AdapterManifest) -> None:
    name = BASE_MANIFEST if isinstance(manifest, BaseManifest) else ADAPTER_MANIFEST
    write_json(folder / name, manifest)


def check_adapter(base_folder: Path, adapter_folder: Path) -> AdapterManifest:
    """The adapter's manifest. Raises DataError when base, tokenizer or chat template are not its own."""
    manifest: AdapterManifest = read_manifest(adapter_folder, ADAPTER_MANIFEST, AdapterManifest)
    here = adapter_manifest(base_folder, manifest.method, manifest.quantisation)
    for what in ("base", "tokenizer_sha256", "chat_template_sha256"):
        recorded, found = getattr(manifest, what), getattr(here, what)
        if recorded != found:
            raise DataError(
                adapter_folder / ADAPTER_MANIFEST,
                None,
                f"the adapter was trained with another {what.removesuffix('_sha256').replace('_', ' ')} "
                f"than that of "
                f"{base_folder}: expected {recorded}, found {found}. Restore that base or train again",
            )
    return manifest


def load_model(base_folder: Path, adapter_folder: Path | None, local: Local) -> PreTrainedModel:
    """The base, or the adapter on it: LoRA weights over the base, or the whole model that replaces it."""
    if adapter_folder is None:
        return load_base(base_folder, local)
    manifest = check_adapter(base_folder, adapter_folder)
    if manifest.method == "full":
        placement = place(local)
        model = AutoModelForCausalLM.from_pretrained(
            adapter_folder, dtype=placement.dtype, local_files_only=True
        )
        return model.to(placement.device).eval()
    from peft import PeftModel

    base = load_base(base_folder, local, quantisation=manifest.quantisation)
    return PeftModel.from_pretrained(base, adapter_folder).eval()
