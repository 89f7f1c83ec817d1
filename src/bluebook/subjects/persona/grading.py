"""The persona's judge: is a reply in form, and how near is it to the reference?

No model judges here. Form is counted (tags, length, filler, repetition); nearness is chrF of body against
body, which needs no tokenizer and gives credit for half-right words. Form decides whether the mode is
mastered, chrF only the score.
"""

from __future__ import annotations

import re
from collections import Counter

from bluebook.records import GradeError
from bluebook.subjects.persona.filler import has_filler
from bluebook.subjects.persona.notation import Reply, mode_construct, tags_in_place
from bluebook.subjects.subject import Comparison, Diagnostic

# Thresholds of `repeats`: far above what people write ("no, no, no"), far below what a looping model writes.
_RUN_WORDS = 6  # a phrase said again at once, three times or more, over at least this many words
_RUN_TIMES = 3
_PHRASE = 8  # the longest phrase looked for
_TRIGRAMS = 24  # from this many trigrams on, at least half of them must be different
_WORD = re.compile(r"\w+(?:['’]\w+)*")


def word_count(text: str) -> int:
    """Words as the whole persona counts them: separated by white space."""
    return len(text.split())


def repeats(text: str) -> bool:
    """Whether `text` loops: one phrase over and over, or few different trigrams for its length."""
    words = [word.lower() for word in _WORD.findall(text)]
    for size in range(1, _PHRASE + 1):
        same = 0  # words, up to here, that equal the word `size` before them
        needed = max(_RUN_WORDS, _RUN_TIMES * size) - size
        for index in range(size, len(words)):
            same = same + 1 if words[index] == words[index - size] else 0
            if same >= needed:
                return True
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return len(trigrams) >= _TRIGRAMS and 2 * len(set(trigrams)) < len(trigrams)


def check(reply: Reply, max_words: int) -> list[Diagnostic]:
    """Faults of form. `max_words` is the longest reply that the subject ever trains on.

    Codes: `empty`, `contamination` (any tag in a tag position after the opening one: another mode's, the
    prompt's side, or a second answer), `over_long`, `filler`, `repetition`.
    """
    construct = mode_construct(reply.mode)
    column = len(reply.tag) + 3  # of the body's first character

    def fault(code: str, message: str, line: int = 1, column: int = column) -> Diagnostic:
        return Diagnostic(line=line, column=column, code=code, message=message, construct=construct)

    if not reply.body.strip():
        return [fault("empty", f"nothing after {reply.tag}:")]
    found = [
        fault("contamination", f"{at.tag}: opens a line inside the reply", at.line, 1)
        for at in tags_in_place(f"{reply.tag}: {reply.body}")[1:]
    ]
    words = word_count(reply.body)
    if words > max_words:
        found.append(fault("over_long", f"{words} words; at most {max_words}"))
    if has_filler(reply.body):
        found.append(fault("filler", "an assistant's filler phrase"))
    if repeats(reply.body):
        found.append(fault("repetition", "the same words over and over"))
    return found


def constructs(reply: Reply) -> Counter[str]:
    """What a reply shows by itself: its mode. The source type is known to the exam item only."""
    return Counter({mode_construct(reply.mode): 1})


def nearness(expected: str, actual: str) -> float:
    """chrF / 100 of two bodies, in [0, 1].

    Popović 2015, as sacrebleu computes it, with its defaults: nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no.
    """
    from sacrebleu.metrics.chrf import CHRF  # 0.13 s to import: not for a mere `check`

    metric = CHRF(char_order=6, word_order=0, beta=2, lowercase=False, whitespace=False, eps_smoothing=False)
    score: float = metric.sentence_score(actual, [expected]).score
    return min(1.0, score / 100)


def compare(expected: Reply, actual: Reply, *, short_limit: int, long_limit: int) -> Comparison:
    """Grade `actual` against `expected`: 0 under the wrong tag, else chrF / 100.

    A reply may have `long_limit` words only where the reference is long itself, else `short_limit`. The mode
    counts as shown when the tag is right and nothing in `check` is wrong. `per_construct` holds only what the
    two replies show, the mode; an exam item's construct that is missing here (its source type) takes the
    item's overall validity.
    """
    construct = mode_construct(expected.mode)
    max_words = long_limit if word_count(expected.body) > short_limit else short_limit
    errors = [
        GradeError(category=fault.code, construct=construct, detail=fault.message)
        for fault in check(actual, max_words)
    ]
    if actual.mode != expected.mode:
        wrong = GradeError(
            category="wrong_tag", construct=construct, detail=f"{actual.tag} in place of {expected.tag}"
        )
        return Comparison(score=0.0, errors=[wrong, *errors], per_construct={construct: 0.0})
    return Comparison(
        score=nearness(expected.body, actual.body),
        errors=errors,
        per_construct={construct: 0.0 if errors else 1.0},
    )
