"""Ollama's Modelfile of a family: TEMPLATE, stop token and system text, all from the renderer that training used.

Ollama renders a conversation with a template in Go's `text/template`. It hands it `.Messages` (the whole conversation,
neighbours of one role joined) and `.System` (the system texts among them, joined). The template made here writes what
`families.render_prompt` writes, byte for byte.

Every literal stands in the template as it is, newlines included, and no action trims the space beside it.
"""

from __future__ import annotations

from collections.abc import Iterable

from bluebook.errors import BluebookError
from bluebook.families import Family
from bluebook.records import DatasetRow

QUOTES = '"""'


def go_template(family: Family) -> str:
    """The family as a template for Ollama: the bytes of `render_prompt`, for any conversation that it takes.

    Ollama has no way to refuse a conversation. Where the family has no place for a system text, one is left out.
    """
    opening = _opening(family)
    counted = bool(family.separator) or (not family.has_system_role and family.system_folds == "first")
    newest = family.assistant_prefix if family.generation_prefix is None else family.generation_prefix
    user = [
        "" if not family.separator else f"{{{{ if $later }}}}{_text(family.separator)}{{{{ end }}}}",
        _text(family.user_prefix),
        _folded(family, opening),
        f"{{{{ $turn.Content }}}}{_text(family.user_suffix)}",
        "{{ $later = true }}" if counted else "",
    ]
    assistant = [
        _text(family.assistant_prefix + family.answer_prefix),
        "{{ $turn.Content }}",
        _text(family.answer_suffix + family.stop_token + family.assistant_suffix),
    ]
    return "".join(
        [
            "{{ $later := false }}" if counted else "",
            _text(family.begin),
            opening if family.has_system_role else "",
            "{{ range $index, $turn := .Messages }}",
            '{{ if eq $turn.Role "user" }}',
            *user,
            '{{ else if eq $turn.Role "assistant" }}',
            *assistant,
            "{{ end }}{{ end }}",
            _text(newest),
        ]
    )


def _opening(family: Family) -> str:
    """The system text in its markers; the family's own default where the conversation has none."""
    before, after = _text(family.system_prefix), _text(family.system_suffix)
    given = f"{{{{ if $.System }}}}{before}{{{{ $.System }}}}{after}"
    if family.default_system is None:
        return f"{given}{{{{ end }}}}"
    return f"{given}{{{{ else }}}}{before}{_text(family.default_system)}{after}{{{{ end }}}}"


def _folded(family: Family, opening: str) -> str:
    """The opening inside a user turn, for a family that puts it there."""
    if family.has_system_role or family.system_folds is None:
        return ""
    if family.system_folds == "first":
        return f"{{{{ if not $later }}}}{opening}{{{{ end }}}}"
    # Without arithmetic: what is left of the conversation from here on is this one turn.
    return f"{{{{ if eq (len (slice $.Messages $index)) 1 }}}}{opening}{{{{ end }}}}"


def _text(literal: str) -> str:
    """A literal as it stands in a template. Raises BluebookError for one that would be read as something else."""
    if "{{" in literal or "}}" in literal or QUOTES in literal:
        raise BluebookError(f"Ollama's templates cannot hold the marker {literal!r}")
    return literal


def system_text(rows: Iterable[DatasetRow]) -> str | None:
    """The system text that every row was trained with; None where none had any.

    Raises BluebookError where rows had different ones: a served model can be given only one by default.
    """
    found = {next((turn.content for turn in row.prompt if turn.role == "system"), None) for row in rows}
    if len(found) > 1:
        raise BluebookError(
            f"the dataset has {len(found)} different system texts (no text counts as one), and a model is served "
            "with one. Train with one, or give each request its own and deploy a dataset without"
        )
    return found.pop() if found else None


def modelfile(gguf: str, family: Family, *, context: int, system: str | None) -> str:
    """A Modelfile of the GGUF file `gguf`, an absolute path or, from beside the Modelfile, `./NAME`.

    It asks as the exam does: the most probable token each time, no penalty, and the family's stop token. `context`
    is in tokens. Raises BluebookError for a text that a Modelfile cannot hold.
    """
    lines = [f"FROM {_printable('path', gguf)}", f"TEMPLATE {_block('template', go_template(family))}"]
    if system is not None:
        lines.append(f"SYSTEM {_block('system text', system)}")
    lines += [
        f'PARAMETER stop "{_printable("stop token", family.stop_token)}"',
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        f"PARAMETER num_ctx {context}",
    ]
    return "\n".join(lines) + "\n"


def _block(what: str, value: str) -> str:
    if QUOTES in value or value.endswith('"'):
        raise BluebookError(
            f"a Modelfile cannot hold a {what} with {QUOTES} in it or a quotation mark at its end"
        )
    return f"{QUOTES}{_printable(what, value)}{QUOTES}"


def _printable(what: str, value: str) -> str:
    """`value` itself. Ollama's parser leaves out whatever cannot be printed, no-break spaces included, in silence."""
    lost = next((char for char in value if not char.isprintable() and char not in "\n\r\t"), None)
    if lost is not None:
        raise BluebookError(f"a Modelfile cannot hold the character U+{ord(lost):04X} of the {what}")
    return value
