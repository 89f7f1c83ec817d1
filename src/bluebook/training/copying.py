"""Weights from which a small model copies before its first step, and exercises that keep it able to.

To copy a name out of its prompt a model needs an induction head: one layer tells each token which token stands before
it, a later one looks for the place where the token at hand stood before and repeats what came next (C. Olsson et al.,
"In-context Learning and Induction Heads", 2022). Drawn at random, a model of this size does not find that in the steps
that a CPU has minutes for; begun there, it keeps it and learns the rest. That weights may start as what training is
known to arrive at is the idea of A. Trockman and Z. Kolter, "Mimetic Initialization of Self-Attention Layers", 2023.
Nothing is new in the architecture, so whatever serves the model serves this one.

The features of the residual stream, of which there are `hidden`, begin as three parts:

    0                    the same for every token: something to look from that is no token's own
    1 … hidden - head    the token's own embedding
    the last head        empty; the first layer writes there what it sees of the token before

The first head of the first layer looks one place back: its query and key are one direction, turned by the angle that
rotary positions add in one step. Heads of the second layer have the token's own features for a query and the token
before for a key, both through one projection, and put what the found token embeds into the stream, a part of the
features each. Rotary positions turn fast pairs of a head's features apart, so matches are made by the slow ones; they
are most of them where the base of the angles is large (`ROPE_BASE`).

A text of its own language would teach the model within fifty steps to foretell words by what is usual and to copy
nothing that is not. Exercises are texts of random tokens, of which only those that stand there before can be foretold.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import torch
from transformers import Qwen3ForCausalLM

from bluebook.training.batching import IGNORED

ROPE_BASE = 1e6
FAST = 8  # pairs of features that turn fast enough to tell the place before from the others
SHARPNESS = 1.6  # of queries and keys, which are normalised to this size
CONSTANT = 5.0  # the size of the feature that all tokens share, in standard deviations of an embedding's
SEEN = 1.5  # the size of what the first layer writes, in the same
COPIED = 3.0  # and of what the second one puts into the stream: more than the token's own embedding


class Text(NamedTuple):
    """Tokens to read, and those of them to foretell; `IGNORED` where it is not to be known."""

    ids: list[int]
    labels: list[int]


def exercise(tokens: range, length: int, rng: Random) -> Text:
    """Random `tokens`, `length` of them: spans read twice, or pairs that are asked for again in another order."""
    ids: list[int] = []
    labels: list[int] = []
    write = _write_twice if rng.random() < 0.5 else _write_pairs
    while len(ids) < length:
        write(tokens, rng, ids, labels)
    return Text(ids[:length], labels[:length])


def _write_twice(tokens: range, rng: Random, ids: list[int], labels: list[int]) -> None:
    span = rng.choices(tokens, k=rng.randint(4, 40))
    ids += span + span
    labels += [IGNORED] * (len(span) + 1) + span[1:]


def _write_pairs(tokens: range, rng: Random, ids: list[int], labels: list[int]) -> None:
    pairs = [
        (rng.choices(tokens, k=rng.randint(1, 2)), rng.choices(tokens, k=rng.randint(1, 5)))
        for _ in range(rng.randint(3, 12))
    ]
    for key, value in pairs:
        ids += key + value
        labels += [IGNORED] * (len(key) + len(value))
    rng.shuffle(pairs)
    for key, value in pairs:
        ids += key + value
        labels += [IGNORED] * len(key) + value


def start_copying(model: Qwen3ForCausalLM) -> None:
    """Set the embedding and the attention of the first two layers; nothing else writes into the stream yet.

    Needs two layers and a `head_dim` below `hidden`.
    """
    config = model.config
    size, hidden = config.head_dim, config.hidden_size
    own, before = slice(1, hidden - size), slice(hidden - size, hidden)
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    with torch.no_grad():
        embedding = model.model.embed_tokens.weight
        unit = embedding[:, own].std().item()
        embedding[:, 0] = CONSTANT * unit
        embedding[:, before] = 0
        for layer in model.model.layers:  # what is drawn would drown what is set
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        for attention in (first, second):
            attention.q_norm.weight.fill_(SHARPNESS)
            attention.k_norm.weight.fill_(SHARPNESS)
        narrow = _projection(hidden - size - 1, size)
        _look_back(first, narrow, unit, own=own, before=before)
        _look_up(second, narrow, unit, own=own, before=before)


def _projection(features: int, size: int) -> torch.Tensor:
    """`size` directions of `features`, at right angles where there are enough. Drawn from torch's seed."""
    made: torch.Tensor = torch.nn.init.orthogonal_(torch.empty(size, features))
    return made


def _look_back(
    attention: torch.nn.Module, narrow: torch.Tensor, unit: float, *, own: slice, before: slice
) -> None:
    """The first head attends to the place before and writes what stands there, narrowed, where nothing is yet."""
    size = len(narrow)
    half = size // 2  # a pair of features that rotary positions turn is one of each half
    angle = ROPE_BASE ** (-torch.arange(half) / half)
    looks = (torch.arange(half) < FAST).float()
    query = torch.cat([looks * angle.cos(), -looks * angle.sin()])
    key = torch.cat([looks, torch.zeros(half)])
    head = slice(0, size)
    for weight, direction in ((attention.q_proj.weight, query), (attention.k_proj.weight, key)):
        weight[head] = 0
        weight[head, 0] = direction
    attention.v_proj.weight[head] = 0
    attention.v_proj.weight[head, own] = narrow
    attention.o_proj.weight[before, head] = SEEN * unit * torch.eye(size)


def _look_up(
    attention: torch.nn.Module, narrow: torch.Tensor, unit: float, *, own: slice, before: slice
) -> None:
    """One head for each part of the own features: where the token at hand stood before another one, repeat that."""
    size, config = len(narrow), attention.config
    shared = config.num_attention_heads // config.num_key_value_heads  # heads for one key and value
    parts = torch.arange(own.start, own.stop).split(size)[: config.num_key_value_heads]
    for number, part in enumerate(parts):
        head = slice(number * shared * size, (number * shared + 1) * size)  # the first that shares them
        pair = slice(number * size, (number + 1) * size)
        attention.q_proj.weight[head] = 0
        attention.q_proj.weight[head, own] = narrow
        attention.k_proj.weight[pair] = 0
        attention.k_proj.weight[pair, before] = torch.eye(size)
        chosen = torch.eye(size)[: len(part)]
        attention.v_proj.weight[pair] = 0
        attention.v_proj.weight[pair, part] = chosen.T
        attention.o_proj.weight[part, head] = COPIED * unit * chosen
