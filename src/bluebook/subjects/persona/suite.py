"""What the persona demands of a dataset before anything is trained on it.

The rules read the rows that the trainer will read, not the records they came from. JSON integrity, token
budget, duplicates, overlap and the number of samples are the same for every subject and live in the generic
gate.
"""

from __future__ import annotations

from bluebook.params import Struct
from bluebook.records import DatasetRow
from bluebook.subjects.persona.control import holds_control_token
from bluebook.subjects.persona.filler import has_filler
from bluebook.subjects.persona.grading import word_count
from bluebook.subjects.persona.memories import Mode
from bluebook.subjects.persona.notation import MODES, TAGS, parse, tags_in_place
from bluebook.subjects.persona.redaction import redact
from bluebook.subjects.subject import ParseError, RowRule, ShareRule, Suite


class ExpectPolicy(Struct, frozen=True):
    """`subjects.persona.expect` in params.yaml. Shares lie in [0, 1]."""

    mode_share: float  # each mode's share of the rows, at least
    short_share: float  # share of replies of at most short_words, at least
    short_words: int


def expectations(policy: ExpectPolicy) -> Suite:
    """The persona's part of the gate."""
    return Suite(
        rows=(
            RowRule(
                name="own_tags",
                why="prompt and reply must open with the two tags of one mode, each followed by a text",
                holds=_opens_with_own_tags,
            ),
            RowRule(
                name="no_foreign_tags",
                why="a second tag in a tag position teaches a change of mode, or answering oneself",
                holds=_has_no_other_tags,
            ),
            RowRule(
                name="no_filler",
                why="the model would learn an assistant's phrases in place of the persona's voice",
                holds=lambda row: not has_filler(_body(row)),
            ),
            RowRule(
                name="no_secrets",
                why="what is trained on can be recited",
                holds=lambda row: not any(redact(text).kinds for text in _texts(row)),
            ),
            RowRule(
                name="no_control_tokens",
                why="a tokenizer reads them as turn marks, whatever stands around them",
                holds=lambda row: not any(holds_control_token(text) for text in _texts(row)),
            ),
        ),
        shares=(
            *(_share_of(mode, policy.mode_share) for mode in MODES),
            ShareRule(
                name="short_replies",
                why=f"the persona speaks briefly: at most {policy.short_words} words in nearly every reply",
                counts=lambda row: word_count(_body(row)) <= policy.short_words,
                at_least=policy.short_share,
            ),
        ),
    )


def _share_of(mode: Mode, at_least: float) -> ShareRule:
    return ShareRule(
        name=f"share_{mode}",
        why="a mode that training hardly sees is not learned",
        counts=lambda row: _mode(row) == mode,
        at_least=at_least,
    )


def _prompt(row: DatasetRow) -> str:
    return row.prompt[-1].content if row.prompt else ""


def _response(row: DatasetRow) -> str:
    return row.completion[0].content if row.completion else ""


def _texts(row: DatasetRow) -> list[str]:
    return [message.content for message in (*row.prompt, *row.completion)]


def _mode(row: DatasetRow) -> Mode | None:
    try:
        return parse(_response(row)).mode
    except ParseError:
        return None


def _body(row: DatasetRow) -> str:
    """The reply without its tag; all of it where it has none, so that no rule is blind to an untagged row."""
    try:
        return parse(_response(row)).body
    except ParseError:
        return _response(row)


def _opens_with_own_tags(row: DatasetRow) -> bool:
    mode = _mode(row)
    if mode is None or not _body(row).strip():
        return False
    opening = f"{TAGS[mode].prompt}: "
    prompt = _prompt(row)
    return prompt.startswith(opening) and bool(prompt[len(opening) :].strip())


def _has_no_other_tags(row: DatasetRow) -> bool:
    """One tag at most in a tag position on each side, and the mode's own: where the first is wrong `own_tags`
    fails.
    """
    mode = _mode(row)
    own = TAGS[mode] if mode is not None else None
    prompt = [at.tag for at in tags_in_place(_prompt(row))]
    response = [at.tag for at in tags_in_place(_response(row))]
    return prompt in ([], [own.prompt] if own else []) and response in ([], [own.response] if own else [])
