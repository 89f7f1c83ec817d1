"""What composing and exporting cost: rows a second and seconds in all, near duplicates apart.

python benchmarks/corpus.py [--rows 5000 200000]

Rows are seeded sentences of made-up words, about as long as curated memories: one in twenty repeats an
earlier row, one in twenty repeats it with a word changed. The tokenizer is a byte-level BPE of 4,096 tokens
trained on a thousand rows, with ChatML's markers, as the embedded base has one.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Iterator
from itertools import accumulate

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from bluebook import params
from bluebook.corpus.compose import compose
from bluebook.corpus.duplicates import NearIndex, fingerprint
from bluebook.corpus.export import export, messages_of
from bluebook.families import ChatTokenizer, chat_template, encode_row, family_named
from bluebook.records import Example, Origin, Record
from bluebook.subjects.persona import Persona
from bluebook.subjects.persona.memories import IngestPolicy

WORDS = 20_000  # different ones
PROMPT, REPLY = (8, 60), (3, 40)  # words
FAMILY = family_named("qwen")


class Ready(Record, kw_only=True):
    """A record that already is an example."""

    example: Example


class Pairs(Persona):
    """Free text, so no parsing: what is measured is composing."""

    def format(self, record: Record) -> Iterator[Example]:
        assert isinstance(record, Ready)
        yield record.example


def rows(count: int, rng: random.Random) -> list[Ready]:
    letters = "etaoinshrdlcumwfgypb"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(WORDS)]
    # Word frequencies fall as 1 / rank, as they do in any language (Zipf).
    weights = list(accumulate(1 / rank for rank in range(1, WORDS + 1)))
    texts: list[tuple[list[str], list[str]]] = []
    for number in range(count):
        prompt = rng.choices(words, cum_weights=weights, k=rng.randint(*PROMPT))
        reply = rng.choices(words, cum_weights=weights, k=rng.randint(*REPLY))
        if number > 20 and number % 20 < 2:
            prompt, reply = (list(side) for side in rng.choice(texts))
            if number % 20:
                prompt[rng.randrange(len(prompt))] = rng.choice(words)
        texts.append((prompt, reply))
    return [
        Ready(
            id=f"r{number:07d}",
            example=Example(
                id=f"r{number:07d}",
                subject="persona",
                prompt=f"<user>: {' '.join(prompt)}?",
                response=f"<assistant>: {' '.join(reply)}.",
                constructs=["mode:emulation"],
                origin=Origin(kind="record", ref=f"r{number:07d}", group=f"g{number // 3}"),
            ),
        )
        for number, (prompt, reply) in enumerate(texts)
    ]


def tokenizer_for(made: list[Ready]) -> ChatTokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        (row.example.prompt for row in made[:1000]),
        trainers.BpeTrainer(
            vocab_size=4096, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in FAMILY.control_tokens])
    whole: ChatTokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=FAMILY.stop_token, chat_template=chat_template(FAMILY)
    )
    return whole


def measure(count: int) -> None:
    settings = params.load()
    mine = settings.subject("persona")
    subject = Pairs(params.convert(mine.ingest, IngestPolicy, "params.yaml"), None, settings.seed)  # type: ignore[arg-type]
    made = rows(count, random.Random(1))

    start = time.perf_counter()
    index = NearIndex(mine.compose.near_duplicate)
    found = 0
    for row in made:
        pair = fingerprint(row.example.prompt, row.example.response)
        found += index.find(pair) is not None
        index.add(row.id, pair)
    report(f"near duplicates, {found} found", count, time.perf_counter() - start)

    start = time.perf_counter()
    composed = compose(subject, made, [], [], [], settings=mine.compose, seed=settings.seed)
    report(f"compose, {len(composed.examples)} examples", count, time.perf_counter() - start)

    tokenizer = tokenizer_for(made)
    start = time.perf_counter()
    exported = export(composed.examples, tokenizer, FAMILY, max_tokens=settings.export.max_tokens)
    report(
        f"export, {sum(exported.counts['rows'].values())} rows",
        len(composed.examples),
        time.perf_counter() - start,
    )

    sample = composed.examples[:2000]
    start = time.perf_counter()
    for example in sample:
        encode_row(tokenizer, FAMILY, messages_of(example), example.response)
    report("encode_row", len(sample), time.perf_counter() - start)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def report(what: str, count: int, seconds: float) -> None:
    print(f"{count:>8} rows  {what:<40} {seconds:7.2f} s  {count / seconds:9.0f} rows/s")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 200_000])
    for count in parser.parse_args().rows:
        measure(count)


if __name__ == "__main__":
    main()
