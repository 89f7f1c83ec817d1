"""Ollama's template writes what training wrote, byte for byte, for every family and any conversation."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluebook.errors import BluebookError
from bluebook.families import families, family_named, refusal, render_prompt
from bluebook.records import DatasetRow, Message, TokenCount
from bluebook.releases.modelfile import go_template, modelfile, system_text
from tests.releases.gotemplate import read_modelfile, render

NAMES = sorted(families())
TEXTS = (
    "Where is the key?",
    "  {{ .System }} \n",
    'Über "5 µm" – なぜ 🦉',
    "\nline\r\nline\n",
    "<thought>: a & b",
)
GO = Path(__file__).parent / "collate.go"


def conversations(system: bool) -> list[list[Message]]:
    """One, two and three turns of each text, alone and after a system text."""
    found = []
    for place, text in enumerate(TEXTS):
        turns = [Message(role="user", content=text)]
        for more in range(3):
            found.append(list(turns))
            if system:
                found.append([Message(role="system", content=TEXTS[place - 1]), *turns])
            turns += [
                Message(role="assistant", content=TEXTS[(place + more) % len(TEXTS)]),
                Message(role="user", content=TEXTS[place - 2]),
            ]
    return found


def takes_system(name: str) -> bool:
    family = family_named(name)
    return family.has_system_role or family.system_folds is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_template_writes_what_training_wrote(name: str) -> None:
    family = family_named(name)
    for messages in conversations(takes_system(name)):
        assert render(go_template(family), messages) == render_prompt(family, messages)


@pytest.mark.parametrize("name", ["qwen", "qwen3", "llama2", "mistral3", "qwen25"])
@given(texts=st.lists(st.text(min_size=1), min_size=1, max_size=5), system=st.none() | st.text(min_size=1))
def test_any_text_is_carried_unchanged(name: str, texts: list[str], system: str | None) -> None:
    family = family_named(name)
    turns = texts if len(texts) % 2 else texts[:-1]
    messages = [
        Message(role="assistant" if place % 2 else "user", content=text) for place, text in enumerate(turns)
    ]
    if system is not None:
        messages.insert(0, Message(role="system", content=system))
    if refusal(family, messages) is None:
        assert render(go_template(family), messages) == render_prompt(family, messages)


def test_another_familys_template_would_be_seen() -> None:
    messages = conversations(True)[1]
    assert render(go_template(family_named("llama3")), messages) != render_prompt(
        family_named("qwen"), messages
    )


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go, whose text/template Ollama renders with")
def test_go_itself_writes_the_same(tmp_path: Path) -> None:
    cases, expected = [], []
    for name in NAMES:
        family = family_named(name)
        for messages in conversations(takes_system(name)):
            turns = [{"Role": message.role, "Content": message.content} for message in messages]
            cases.append({"template": go_template(family), "messages": turns})
            expected.append(render_prompt(family, messages))
    shutil.copy(GO, tmp_path / "main.go")
    done = subprocess.run(
        ["go", "run", "main.go"], cwd=tmp_path, input=json.dumps(cases), capture_output=True, text=True, check=True
    )  # fmt: skip
    assert json.loads(done.stdout) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_modelfile_says_what_the_exam_did(name: str) -> None:
    family = family_named(name)
    written = modelfile("./m.gguf", family, context=1280, system=None)
    assert dict(read_modelfile(written)) == {
        "FROM": "./m.gguf",
        "TEMPLATE": go_template(family),
        "stop": family.stop_token,
        "temperature": "0",
        "repeat_penalty": "1",
        "num_ctx": "1280",
    }


def test_the_system_text_of_training_is_the_models() -> None:
    text = 'You are "Ada".\n\nAnswer  briefly. '
    written = modelfile("./m.gguf", family_named("qwen"), context=8, system=text)
    assert dict(read_modelfile(written))["SYSTEM"] == text


@pytest.mark.parametrize("text", ['say """', 'say "', "a\u00a0b", "a\x00b", "a\u200bb"])
def test_a_system_text_that_ollama_would_change_is_refused(text: str) -> None:
    with pytest.raises(BluebookError, match="Modelfile cannot hold"):
        modelfile("./m.gguf", family_named("qwen"), context=8, system=text)


def row(system: str | None) -> DatasetRow:
    opening = [] if system is None else [Message(role="system", content=system)]
    return DatasetRow(
        id="r",
        prompt=[*opening, Message(role="user", content="q")],
        completion=[Message(role="assistant", content="a")],
        tokens=TokenCount(prompt=1, completion=1),
    )


def test_one_system_text_is_found_and_several_are_refused() -> None:
    assert system_text([row(None), row(None)]) is None
    assert system_text([row("Be brief."), row("Be brief.")]) == "Be brief."
    with pytest.raises(BluebookError, match="2 different system texts"):
        system_text([row("Be brief."), row(None)])
