"""What must hold before the first epoch. Each check is named and refuses with what to put right.

Training that learns nothing looks healthy: the loss falls, or is zero, and the log is green. The known ways
there are a mask lost or rebuilt by a collator, an answer cut off or never seen, pads that are counted, a
stop token that is masked because it equals the pad, a loss that may look at the token it predicts, a loss of
other probabilities than the model's, tokens whose weights nobody has trained, and weights that no gradient
reaches. So the checks look at the very batches, loss and weights that training will
use. They cost seconds and leave weights and random numbers as they found them, bit for bit.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import nsmallest
from itertools import islice
from typing import Any

import msgspec
import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from bluebook.errors import PreflightError
from bluebook.families import Family, render_completion
from bluebook.training.batching import IGNORED, split
from bluebook.training.rows import Row, batch_loss, collated_loss, mean_loss, measure

NAMED = 5  # rows that a message names; more would bury the advice
COLLATED = 32  # rows to a batch while reading labels back
SAMPLED = 64  # rows of the first loss: enough for two digits, seconds even on a large model
LOWEST_FIRST_LOSS = 0.2  # nats a token: a base that writes unseen answers with 82 % a token has seen them
HIGHEST_FIRST_LOSS = (
    1.2  # times ln V, the loss of a uniform guess: worse than that is a broken base or wrong labels
)
UNTRAINED = 1e-2  # of the usual distance of an embedding's row from their mean, and from 0
OWN = 1e-2  # nats, relative above 1: what bfloat16 makes of the same sum in two orders is far less
VISIBLE = 1e-3  # nats: the loss must not move by more when the token to predict is changed in the input
SHORTEST = 256  # rows among which those for the overfit check are looked for
OVERFIT_ROWS = 4  # enough that rows must be told apart, few enough for a large model
OVERFIT_STEPS = 300  # at the run's own learning rates; the embedded base needs some 20, LoRA at 2e-4 some 150
OVERFIT_LOSS = 0.05


class Findings(msgspec.Struct, kw_only=True, frozen=True):
    """What the checks measured. Losses are in nats a supervised token."""

    rows: int
    supervised_tokens: int
    first_loss: float
    copy_control: float
    overfit_loss: float
    overfit_steps: int
    regenerated: int


def run(
    trainer: Any,
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    family: Family,
    make_optimizer: Callable[[torch.nn.Module], torch.optim.Optimizer],
) -> Findings:
    """All checks on an SFTTrainer that has not started. Raises PreflightError at the first that fails."""
    supervised = check_supervised(rows)
    check_labels(trainer.data_collator, rows, tokenizer, family)
    check_known_tokens(trainer.model, rows, tokenizer)
    first = check_first_loss(trainer, rows)
    few = overfit_rows(rows)
    check_own_loss(trainer, few)
    moved = check_copy_control(trainer, few)
    loss, steps = check_overfit(trainer, few, tokenizer, family, make_optimizer)
    return Findings(
        rows=len(rows),
        supervised_tokens=supervised,
        first_loss=round(first, 4),
        copy_control=round(moved, 4),
        overfit_loss=round(loss, 4),
        overfit_steps=steps,
        regenerated=len(few),
    )


def check_supervised(rows: Sequence[Row]) -> int:
    """Every row has something to learn; returns the number of supervised tokens."""
    if not rows:
        raise PreflightError(
            "supervised tokens: the training set is empty; look at the drop reasons of compose and export"
        )
    empty = [row.id for row in rows if all(label == IGNORED for label in row.features["labels"])]
    if empty:
        raise PreflightError(
            f"supervised tokens: {_names(empty)} have none, so nothing is learned from them. Remove them, "
            f"or shorten prompts that leave no room for an answer"
        )
    return sum(label != IGNORED for row in rows for label in row.labels)


def check_labels(
    collate: Callable[[list[dict[str, list[int]]]], dict[str, torch.Tensor]],
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    family: Family,
) -> None:
    """In collated batches, the decoded supervised text of each row is its answer and stop token, no more.

    This sees lost masks, masked answers or stop tokens, counted pads, truncation and lost text.
    """
    for start in range(0, len(rows), COLLATED):
        part = rows[start : start + COLLATED]
        batch = collate([row.features for row in part])
        for row, (kept, behind) in zip(part, split(batch), strict=True):
            for name in row.features.keys() - {"input_ids", "labels"}:
                if name not in kept or kept[name].tolist() != row.features[name]:
                    raise PreflightError(
                        f"supervised text: row {row.id}: its {name} do not reach the loss as they are; the "
                        f"collator must treat every feature that has one value a token alike"
                    )
            seen, labels = kept["input_ids"].tolist(), torch.cat([kept["labels"], behind])
            if seen != row.prompt + row.completion:
                raise PreflightError(
                    f"supervised text: row {row.id} is {len(row.prompt) + len(row.completion)} tokens and "
                    f"reaches the model as {len(seen)} others; the collator cuts or changes it. Use one "
                    f"that only pads"
                )
            text = tokenizer.decode(labels[labels != IGNORED].tolist(), clean_up_tokenization_spaces=False)
            expected = render_completion(family, row.content)
            if any(row.injected):
                _check_injected(row, kept["labels"].tolist())
                # What is left of the answer is the tokens around what a tool put in.
                expected = tokenizer.decode(
                    [label for label in row.labels if label != IGNORED], clean_up_tokenization_spaces=False
                )
            # Some tokenizers bring text to Unicode's composed form; nothing else may differ.
            if unicodedata.normalize("NFC", text) != unicodedata.normalize("NFC", expected):
                raise PreflightError(_explain(row, text, expected, family, tokenizer))


def _check_injected(row: Row, labels: Sequence[int]) -> None:
    answer = labels[len(row.prompt) :]
    if any(given and label != IGNORED for label, given in zip(answer, row.injected, strict=True)):
        raise PreflightError(
            f"supervised text: row {row.id}: injected text is supervised, so the model would learn to make up what "
            f"a tool says; keep the labels of the rows"
        )


def _explain(row: Row, text: str, expected: str, family: Family, tokenizer: PreTrainedTokenizerBase) -> str:
    body = expected.removesuffix(family.stop_token)
    pad = tokenizer.pad_token or ""
    if not text:
        cause = "every label is masked, so the loss would be 0 or NaN; the mask covers the answer too"
    elif text == body:
        cause = "the stop token is masked, so the model would never learn to stop; mask pads by position"
    elif pad and text.startswith(expected) and set(text[len(expected) :].split(pad)) == {""}:
        cause = "pads are counted, so the loss would be mostly about them; set their labels to -100"
    elif text.endswith(expected):
        cause = "the prompt is supervised too: the mask was lost or rebuilt; keep the labels of the rows"
    elif expected.startswith(text):
        cause = "the answer is cut; no row may be truncated, reject long ones at export (export.max_tokens)"
    elif expected.endswith(text) and expected == tokenizer.decode(
        row.completion, clean_up_tokenization_spaces=False
    ):
        cause = (
            "the beginning of the answer is masked, as where its start is looked for by a marker that the text "
            "holds as well; mask prompts by position"
        )
    else:
        cause = "the answer was changed on its way; render and encode it once, by the family's renderer"
    return f"supervised text: row {row.id}: {cause}. Expected {_short(expected)}, found {_short(text)}"


def check_first_loss(trainer: Any, rows: Sequence[Row]) -> float:
    """The loss before training lies in [0.2, 1.2 ln V]."""
    sample = list(islice(rows, 0, None, max(1, len(rows) // SAMPLED)))[:SAMPLED]
    loss = mean_loss(trainer, sample, COLLATED) or 0.0
    highest = HIGHEST_FIRST_LOSS * math.log(trainer.model.get_input_embeddings().num_embeddings)
    if loss < LOWEST_FIRST_LOSS:
        raise PreflightError(
            f"first loss: {loss:.4f} is below {LOWEST_FIRST_LOSS} nats a token. Either the base has seen "
            f"these answers already (is it the result of an earlier training? then little is left to learn, "
            f"and learning cannot be told from remembering), or the loss can see what it predicts (is it "
            f"shifted?)"
        )
    if not loss <= highest:  # NaN ends here too
        raise PreflightError(
            f"first loss: {loss:.4f} is above {highest:.2f}, {HIGHEST_FIRST_LOSS} times that of a uniform "
            f"guess. Weights, tokenizer and labels do not belong together, or a batch has no supervised "
            f"token (NaN); check base.source"
        )
    return loss


def check_known_tokens(model: Any, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase) -> None:
    """No token of the rows has weights that nobody has trained and that this training does not reach.

    New rows of an embedding are zeros or the mean of the others. Frozen, as LoRA leaves them, they make all new
    tokens look and sound alike for ever: a tag or a stop token that cannot be learned.
    """
    read = {token for row in rows for token in (*row.prompt, *row.completion)}
    written = {label for row in rows for label in row.labels} - {IGNORED}
    parts = ((model.get_input_embeddings(), read), (model.get_output_embeddings(), written))
    for part, tokens in parts:
        if part is None or any(weight.requires_grad for weight in part.parameters()):
            continue
        weight = part.weight.detach()
        if not weight.is_floating_point():  # a quantised head: its rows cannot be read here
            continue
        ids = torch.tensor(sorted(tokens), device=weight.device)
        mean = weight.mean(0, dtype=torch.float32)
        for centre in (mean, torch.zeros_like(mean)):
            # In parts: all of a large embedding in float32 is gigabytes.
            away = torch.cat(
                [torch.linalg.vector_norm(some.float() - centre, dim=1) for some in weight.split(8192)]
            )
            new = ids[away[ids] < UNTRAINED * away.median()].tolist()
            if new:
                named = ", ".join(repr(tokenizer.convert_ids_to_tokens(token)) for token in new[:NAMED])
                raise PreflightError(
                    f"frozen new rows: the base has never learned {len(new)} of the tokens that these rows use, and "
                    f"this training leaves their weights as they are: {named}. Write them as ordinary text, or "
                    f"train all weights (method full)"
                )


def check_own_loss(trainer: Any, rows: Sequence[Row]) -> None:
    """The trainer's loss is that of the model's own logits: what is lowered is what writing will use.

    It sees a change of the logits that the loss leaves out (a factor, a soft cap), and labels not shifted by one.
    """
    ours = measure(trainer, rows, len(rows))
    theirs, counted = 0.0, 0
    trainer.model.eval()
    with (
        torch.no_grad(),
        torch.autocast(trainer.args.device.type, dtype=torch.bfloat16, enabled=trainer.args.bf16),
    ):
        for row in rows:
            ids = torch.tensor([row.prompt + row.completion], device=trainer.args.device)
            logits = trainer.model(input_ids=ids, use_cache=False).logits[0, len(row.prompt) - 1 : -1].float()
            labels = torch.tensor(row.labels, device=logits.device)
            theirs += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            counted += int((labels != IGNORED).sum())
    expected = theirs / counted
    if ours is None or not abs(ours.loss - expected) <= OWN * max(1.0, expected):
        raise PreflightError(
            f"own loss: the loss is {ours and ours.loss} nats a token and that of the model's own logits is "
            f"{expected:.4f}. Its family changes logits after the head in a way that `losses.logit_change` lacks, "
            f"or labels are not shifted by one"
        )


def overfit_rows(rows: Sequence[Row]) -> list[Row]:
    """The shortest few with prompts of their own: one prompt with two answers cannot be learned by heart."""
    shortest = nsmallest(SHORTEST, rows, key=lambda row: (len(row.prompt) + len(row.completion), row.id))
    distinct = {tuple(row.prompt): row for row in reversed(shortest)}
    return [row for row in shortest if distinct[tuple(row.prompt)] is row][:OVERFIT_ROWS]


def check_copy_control(trainer: Any, rows: Sequence[Row]) -> float:
    """Copying must not pay: the loss for a token stays when that token is changed in the input.

    With an unshifted loss the position that predicts a token also reads it, a model that copies has loss 0,
    and training teaches exactly that. Returns by how many nats the loss moved.
    """
    size = trainer.model.get_input_embeddings().num_embeddings
    kept: list[dict[str, list[int]]] = []
    changed: list[dict[str, list[int]]] = []
    for row in rows:
        ids, at = row.features["input_ids"], len(row.prompt) + len(row.completion) // 2
        only = [IGNORED] * len(ids)
        only[at] = ids[at]
        others = [(token + size // 2) % size for token in ids[at:]]
        kept.append({**row.features, "labels": only})
        changed.append({**row.features, "labels": only, "input_ids": ids[:at] + others})
    losses: list[float] = []
    trainer.model.eval()
    with torch.no_grad():
        for examples in (kept, changed):
            losses.append(collated_loss(trainer, trainer.data_collator(examples))[0].item())
    moved: float = abs(losses[0] - losses[1])
    if not moved <= VISIBLE * max(1.0, losses[0]):
        raise PreflightError(
            f"copy control: the loss moves by {moved:.4f} when the very token to predict is changed in the "
            f"input, so a model that copies its input would look perfect. Shift logits against labels by "
            f"one, and keep attention causal"
        )
    return moved


def check_overfit(
    trainer: Any,
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    family: Family,
    make_optimizer: Callable[[torch.nn.Module], torch.optim.Optimizer],
) -> tuple[float, int]:
    """A few rows can be learned by heart with the run's own optimiser, and are then written back exactly.

    Steps end when the summed loss is below ln 2: every token then has more than half of the probability, so
    greedy writing must give the rows back unless training and writing disagree. Returns the mean loss and
    the steps.
    """
    if not any(weight.requires_grad for weight in trainer.model.parameters()):
        raise PreflightError("overfit: no weight is trainable; with method lora, check lora.targets")
    with undone(trainer):
        optimizer = make_optimizer(trainer.model)
        trainer.model.eval()  # dropout would keep the loss up
        loss, steps = math.inf, 0
        while steps < OVERFIT_STEPS:
            found, tokens = batch_loss(trainer, rows)
            loss = found.item()
            if loss < OVERFIT_LOSS:  # by the objective; with weights the plain loss may still be above
                loss = max(loss, mean_loss(trainer, rows, len(rows)) or 0.0)
            if loss < OVERFIT_LOSS and loss * tokens < math.log(2):
                break
            found.backward()
            torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
        if not loss < OVERFIT_LOSS:
            raise PreflightError(
                f"overfit: after {steps} steps on {len(rows)} rows the loss is {loss:.4f}, not below "
                f"{OVERFIT_LOSS}. Gradients do not reach enough weights (method, lora.rank, lora.targets) "
                f"or the learning rates are far off"
            )
        for row in rows:
            _check_regenerated(trainer.model, row, tokenizer, family)
    return loss, steps


def _check_regenerated(model: Any, row: Row, tokenizer: PreTrainedTokenizerBase, family: Family) -> None:
    # Up to what a tool put in, which the model has not learned to write.
    expected = row.completion[: [*row.injected, True].index(True)] if row.injected else row.completion
    prompt = torch.tensor([row.prompt], device=model.device)
    settings = GenerationConfig(
        do_sample=False,
        max_new_tokens=len(expected),
        eos_token_id=tokenizer.convert_tokens_to_ids(family.stop_token),
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.no_grad():
        written = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), generation_config=settings
        )[0, len(row.prompt) :].tolist()
    if written != expected:
        raise PreflightError(
            f"overfit: row {row.id} was learned by heart and is not written back. Expected "
            f"{_short(tokenizer.decode(expected))}, found {_short(tokenizer.decode(written))}. What "
            f"training shows the model differs from what writing does: compare positions, prompt and stop "
            f"token"
        )


@contextmanager
def undone(trainer: Any) -> Iterator[None]:
    """Put weights, gradients, random numbers, mode and the trainer's running metrics back as they were."""
    model = trainer.model
    weights = [(weight, weight.detach().clone()) for weight in model.parameters() if weight.requires_grad]
    was_training = model.training
    try:
        with torch.random.fork_rng():
            yield
    finally:
        with torch.no_grad():
            for weight, before in weights:
                weight.copy_(before)
        model.zero_grad(set_to_none=True)
        model.train(was_training)


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return f"rows {', '.join(ids[:NAMED])}{more}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 120 else f"{text[:60]} … {text[-50:]}")
