"""The base that adapters start from: built here from a subject's own language, or pointed at.

The embedded base is a small Qwen3 with a byte-level tokenizer, made in minutes on a CPU with no download. It
reads the prompts and the responses of generated samples as separate turns, shuffled: it learns the language
but never which response belongs to which prompt, so what an exam measures later was learned in training and
not here. Half of the turns it reads twice in a row, and between them stand exercises in copying (`copying.py`).

A base from a hub or a folder keeps its own tokenizer, to which nothing is added, and its weights stay where
they are.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    get_cosine_schedule_with_warmup,
)

from bluebook.errors import BluebookError, ParamsError
from bluebook.families import (
    Family,
    chat_template,
    family_named,
    family_of,
    render_completion,
    verify_template,
)
from bluebook.models import (
    BaseManifest,
    count_parameters,
    place,
    seed_everything,
    weights_sha256,
    write_manifest,
)
from bluebook.params import BaseParams, EmbeddedParams, Local
from bluebook.records import Example
from bluebook.steps import Step, step
from bluebook.training import attention, optimizers
from bluebook.training.batching import IGNORED, Collator, epoch_order, model_inputs
from bluebook.training.copying import ROPE_BASE, Text, exercise, start_copying

EMBEDDED_FAMILY = "qwen"
PAD, OPEN, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
WEIGHT_DECAY = 0.01
WARMUP_SHARE = 0.05
# Share of the target that goes to all other tokens. Generated text is far simpler than what people write, and a
# base that is sure of it is worse than a uniform guess on real text: 9.9 nats a token without, 8.1 with this.
SMOOTHING = 0.1
# Where the embedding (which is also the head) and the final norm begin. LoRA moves neither. From the usual 0.02 and 1
# words that the samples never use stay so alike that no hidden state tells them apart: learned by heart with LoRA, four
# rows of real text stayed at 0.38 nats a token, and from these values went below 0.001.
EMBEDDING_STD = 0.05
FINAL_NORM = 3.0
# Share of the turns that stand twice in a row. From text alone so small a model does not learn to copy in so few
# steps, and a model that cannot copy names from its prompt learns no language that has any.
REPEATED = 0.5
# Share of the texts that are exercises in copying, and the tokens of one.
EXERCISES = 0.6
EXERCISE = 200
# Only a word of small letters takes the space before it along. A name is then the same tokens wherever it stands,
# after a space, a bracket or an equals sign, and can be copied; digits stand alone for the same reason. So does the end
# of a line, whatever indentation follows: an answer that is held to a language is held line by line.
WORDS = r" ?\p{Ll}+(?![\p{L}\p{N}_])|\p{L}+|\p{N}|\n|[^\S\n]+(?=\s)|[^\s\p{L}\p{N}]+|\s"


def turns(examples: Sequence[Example], family: Family) -> list[str]:
    """Every prompt and every response as a turn of its own, in the family's markers."""
    asked = [f"{family.user_prefix}{e.prompt}{family.user_suffix}" for e in examples]
    answered = [f"{family.assistant_prefix}{render_completion(family, e.response)}" for e in examples]
    return asked + answered


def reading(turns: Sequence[list[int]], tokens: range, context: int, rng: random.Random) -> list[Text]:
    """What the model reads: every turn, some of them twice in a row, and exercises of random `tokens` among them."""
    read = [(turn + turn if rng.random() < REPEATED else turn)[:context] for turn in turns]
    texts = [Text(ids, ids) for ids in read]
    exercises = round(len(texts) * EXERCISES / (1 - EXERCISES))
    return texts + [exercise(tokens, min(EXERCISE, context), rng) for _ in range(exercises)]


def build_tokenizer(examples: Sequence[Example], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: any text comes out as it went in. The same texts give the same bytes."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    special = [AddedToken(token, special=True, normalized=False) for token in (PAD, OPEN, STOP)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator((text for e in examples for text in (e.prompt, e.response)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        eos_token=STOP,
        additional_special_tokens=[OPEN],
        chat_template=chat_template(family_named(EMBEDDED_FAMILY)),
        clean_up_tokenization_spaces=False,
    )


def build_model(settings: EmbeddedParams, tokenizer: PreTrainedTokenizerBase) -> Qwen3ForCausalLM:
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden,
            intermediate_size=settings.intermediate,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.key_value_heads,
            head_dim=settings.hidden // settings.heads,
            rope_parameters={"rope_type": "default", "rope_theta": ROPE_BASE},
            max_position_embeddings=settings.context,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=EMBEDDING_STD)
    torch.nn.init.constant_(model.model.norm.weight, FINAL_NORM)
    start_copying(model)
    return model


def train_language(
    model: Qwen3ForCausalLM,
    texts: Sequence[Text],
    settings: EmbeddedParams,
    *,
    seed: int,
    local: Local,
    running: Step,
) -> float:
    """Next-token training on `texts`; returns the loss of the last tenth of the steps, in nats a token."""
    placement = place(local)
    model.to(placement.device).train()
    optimizer = optimizers.build(
        model,
        "muon",
        learning_rate=settings.learning_rate,
        matrix_learning_rate=settings.matrix_learning_rate,
        weight_decay=WEIGHT_DECAY,
    )
    schedule = get_cosine_schedule_with_warmup(
        optimizer, round(WARMUP_SHARE * settings.steps), settings.steps
    )
    attention.use(model)
    collate = Collator(pad=model.config.pad_token_id, packed=True)
    tail: list[float] = []
    for done, indices in enumerate(_steps([len(text.ids) for text in texts], settings, seed), 1):
        rows = [{"input_ids": texts[i].ids, "labels": texts[i].labels} for i in indices]
        batch = {
            name: value.to(placement.device) if isinstance(value, torch.Tensor) else value
            for name, value in collate(rows).items()
        }
        labels = batch["labels"][0, 1:]
        known = (labels != IGNORED).nonzero()[:, 0]  # the head has a third of the work and serves these alone
        with torch.autocast(placement.device.type, dtype=torch.bfloat16, enabled=placement.mixed):
            logits = model(**model_inputs(batch), use_cache=False, logits_to_keep=known).logits[0]
        loss = cross_entropy(logits.float(), labels[known], label_smoothing=SMOOTHING)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        running.progress(done, settings.steps, loss.item())
        if done > settings.steps * 0.9:
            tail.append(loss.item())
    return sum(tail) / len(tail)


def _steps(lengths: Sequence[int], settings: EmbeddedParams, seed: int) -> Iterator[list[int]]:
    """Indices of each step's texts, pass after pass over all of them."""
    made = 0
    for epoch in count():
        order = epoch_order(lengths, settings.batch, seed=seed, epoch=epoch)
        for start in range(0, len(order), settings.batch):
            if made == settings.steps:
                return
            yield order[start : start + settings.batch]
            made += 1


def embedded(
    examples: Sequence[Example], out: Path, settings: EmbeddedParams, seed: int, local: Local
) -> BaseManifest:
    """Build tokenizer and model from `examples` and save both in the folder `out`."""
    family = family_named(EMBEDDED_FAMILY)
    if not examples:
        raise BluebookError("the embedded base needs generated samples; set base.embedded.samples above 0")
    with step("3.2", "Tokenizer from generated samples") as running:
        tokenizer = build_tokenizer(examples, settings.vocabulary)
        verify_template(tokenizer, family)
        tokenizer.save_pretrained(out)
        running.note(f"{len(tokenizer)} tokens")
    with step("3.3", "Embedded base on unpaired text") as running:
        texts = reading(
            [tokenizer.encode(text, add_special_tokens=False) for text in turns(examples, family)],
            range(len(tokenizer.all_special_ids), len(tokenizer)),
            settings.context,
            random.Random(seed),
        )
        seed_everything(seed)
        model = build_model(settings, tokenizer)
        loss = train_language(model, texts, settings, seed=seed, local=local, running=running)
        running.note(f"{model.num_parameters()} parameters, loss {loss:.3f}")
    model.save_pretrained(out)
    return BaseManifest(
        source="embedded",
        location=".",
        revision=None,
        family=family.name,
        model_type=model.config.model_type,
        parameters=model.num_parameters(),
        weights_sha256=weights_sha256(out),
    )


def pointed_at(settings: BaseParams, out: Path) -> BaseManifest:
    """Save config and tokenizer of a hub model or local folder in `out`; weights stay where they are."""
    folder = Path(settings.source)
    is_folder = folder.is_dir()
    if not is_folder and not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", settings.source):
        raise ParamsError(f"base.source: {settings.source!r} is neither a folder here nor a hub name")
    if not is_folder and not re.fullmatch(r"[0-9a-f]{40}", settings.revision or ""):
        raise ParamsError(
            f"base.revision: a hub name such as {settings.source!r} needs the commit it stands for, 40 "
            f"hexadecimal digits, found {settings.revision!r}. The hub's page shows it under `Files`, "
            f"`History`"
        )
    revision = None if is_folder else settings.revision
    config, tokenizer = _fetch(settings.source, revision)
    family = (
        family_of(config.model_type, tokenizer)
        if settings.family == "auto"
        else family_named(settings.family)
    )
    if not verify_template(tokenizer, family):
        tokenizer.chat_template = chat_template(family)  # so that a server wraps as training did
    config.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return BaseManifest(
        source="folder" if is_folder else "hub",
        location=Path(os.path.relpath(folder)).as_posix() if is_folder else settings.source,
        revision=revision,
        family=family.name,
        model_type=config.model_type,
        parameters=count_parameters(folder) if is_folder else None,
        weights_sha256=weights_sha256(folder) if is_folder else None,
    )


def _fetch(source: str, revision: str | None) -> tuple[PretrainedConfig, PreTrainedTokenizerBase]:
    pinned = {} if revision is None else {"revision": revision}
    try:
        return AutoConfig.from_pretrained(source, **pinned), AutoTokenizer.from_pretrained(source, **pinned)
    except (OSError, ValueError) as error:
        raise BluebookError(
            f"base.source: cannot read config and tokenizer of {source!r} at revision {revision}: {error}"
        ) from error


def build(
    settings: BaseParams, examples: Sequence[Example], out: Path, *, seed: int, local: Local
) -> BaseManifest:
    """Fill the folder `out`: config, tokenizer, `base.json`, and weights where they are made here."""
    if settings.source == "embedded":
        manifest = embedded(examples, out, settings.embedded, seed, local)
    else:
        with step("3.2", f"Config and tokenizer of {settings.source}"):
            manifest = pointed_at(settings, out)
    write_manifest(out, manifest)
    return manifest
