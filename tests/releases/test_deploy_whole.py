"""A deployment from beginning to end, with llama.cpp and its server, where the binding is installed.

Ollama cannot be: a program of its name stands in for it, which reads the Modelfile as Ollama does; llama.cpp's server
answers in its place.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from bluebook.artifacts import sha256, sidecar_path, write_json
from bluebook.errors import BluebookError
from bluebook.exams.client import Client
from bluebook.exams.doors import load_voice
from bluebook.exams.engine import Asked
from bluebook.exams.server import Server
from bluebook.families import family_named
from bluebook.models import load_base, load_tokenizer
from bluebook.releases.deployment import KINDS, deploy
from bluebook.releases.deployment_record import REGISTRY
from bluebook.releases.deployment_server import Serving, running
from bluebook.releases.deployment_weights import MERGING
from bluebook.releases.gguf_file import tensor_types
from bluebook.releases.gguf_vocabulary import _QWEN2
from bluebook.releases.gguf_writing import Label, write_gguf
from bluebook.steps import Step
from tests.releases.deploying import EXAM, items, project
from tests.releases.gotemplate import read_modelfile
from tests.toy import Prefix

pytestmark = pytest.mark.slow
pytest.importorskip("llama_cpp", reason="needs llama-cpp-python: pip install '.[deploy]'")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("project"))


@pytest.fixture(autouse=True)
def inside(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


def begin() -> subprocess.Popen[bytes]:
    """A deployment in a session of its own, with all that it starts."""
    code = (
        "from pathlib import Path; from bluebook.releases.deployment import deploy\n"
        "from tests.releases.deploying import EXAM; from tests.toy import Prefix\n"
        "deploy(Path(), Prefix(), EXAM, 'gguf', 'Q8_0')\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )


def test_thirty_kills_leave_nothing_taken_for_whole(root: Path) -> None:
    """Whenever a further file has appeared, half-written ones included, and then at random moments."""
    folder = root / "deployments/prefix"

    def kill(process: subprocess.Popen[bytes]) -> int:
        os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        for whole in folder.glob("[!.]*.gguf"):
            tensor_types(whole)
        if (root / REGISTRY).exists():  # the last that is written
            assert len(list(folder.glob("[!.]*.gguf"))) == len(KINDS)
            assert list(msgspec.json.decode((root / REGISTRY).read_bytes())["models"])
        return code

    for files in (1, 2, 4, 6):
        process = begin()
        while process.poll() is None and len(list(folder.glob("*"))) < files:
            time.sleep(0.002)
        kill(process)
    shutil.rmtree(folder)
    started = time.monotonic()
    assert begin().wait() == 0
    seconds = time.monotonic() - started
    moments, died = random.Random(20261130), 0
    for number in range(30):
        if number % 3 == 0:  # from nothing; between those, from where the last kill left it
            shutil.rmtree(folder, ignore_errors=True)
        (root / REGISTRY).unlink(missing_ok=True)
        process = begin()
        try:
            process.wait(moments.uniform(0.2, 0.9) * seconds)
        except subprocess.TimeoutExpired:
            died += kill(process) == -signal.SIGKILL
    assert died >= 15
    (root / REGISTRY).unlink(missing_ok=True)
    assert deploy(Path(), Prefix(), EXAM, "gguf", "Q8_0").files[0].served.loss == 0.0


def test_every_kind_of_file_serves_as_it_was_graded(root: Path) -> None:
    made = deploy(Path(), Prefix(), EXAM, "gguf", "Q4_K_M")
    assert [found.kind for found in made.files] == list(KINDS)
    assert made.graded.score > 0.9
    whole = made.files[0]
    assert whole.served.same == made.graded.n and whole.served.loss == 0.0
    assert all(found.served.within for found in made.files)
    sizes = {found.kind: found.bytes for found in made.files}
    assert sizes["Q4_K_M"] < sizes["Q6_K"] <= sizes["Q8_0"] < sizes["F16"]
    folder = root / "deployments/prefix"
    assert {file.name for file in folder.glob(".*.tmp")} == set()
    assert made.endpoint == made.files[-1].served
    entry = msgspec.json.decode((root / REGISTRY).read_bytes())["models"][made.model]
    assert entry["metadata"]["baseModel"] == "embedded" and entry["metadata"]["trainingMethod"] == "full"
    told = subprocess.run(
        ["git", "show", "-s", "--format=%cI"], cwd=root, capture_output=True, text=True, check=True
    )
    assert entry["metadata"]["fineTunedAt"] == told.stdout.strip()


def test_a_second_deployment_makes_nothing_again(root: Path) -> None:
    first = deploy(Path(), Prefix(), EXAM, "gguf", "Q8_0")
    files = {file: file.stat().st_mtime_ns for file in (root / "deployments/prefix").glob("*.gguf")}
    again = deploy(Path(), Prefix(), EXAM, "gguf", "Q8_0")
    assert {file: file.stat().st_mtime_ns for file in files} == files and len(files) == len(KINDS)
    assert again == first
    rotten = next(file for file in files if "F16" in file.name)
    rotten.write_bytes(rotten.read_bytes()[:-1] + b"?")
    assert deploy(Path(), Prefix(), EXAM, "gguf", "Q8_0") == first  # made anew, to the same bytes


def test_the_configuration_that_it_leaves_serves(root: Path) -> None:
    deploy(Path(), Prefix(), EXAM, "gguf", "Q8_0")
    config = msgspec.json.decode((root / "deployments/prefix/server.json").read_bytes())
    one = msgspec.convert(config["models"][0], Serving)
    assert str(one.hf_pretrained_model_name_or_path).startswith("deployments/prefix/prefix-")
    voice = load_voice(root / "models/base")
    with running(one) as url:
        server = Server(Client(url, seconds=60), one.model_alias, voice, max_new_tokens=32, at_once=1)
        given = [Asked(item, "free") for item in items(4)]
        told = [answer for group in server.write(server.plan(given)) for answer in group]
    assert {answer.item: answer.text for answer in told} == {one.item.id: one.item.reference for one in given}


def test_a_model_that_is_not_the_graded_one_is_not_deployed(root: Path) -> None:
    """The base in the adapter's place, with every paper in order."""
    deploy(Path(), Prefix(), EXAM, "gguf", "Q8_0")
    (root / REGISTRY).unlink()
    folder, base = root / "deployments/prefix", root / "models/base"
    file = next(folder.glob("*-Q8_0.gguf"))
    write_gguf(
        load_base(base, MERGING), load_tokenizer(base), family_named("qwen"), file,
        label=Label("toy", "a", "b"), running=Step("1", "plant"),
    )  # fmt: skip
    paper = msgspec.json.decode(sidecar_path(file).read_bytes())
    write_json(sidecar_path(file), {**paper, "sha256": sha256(file)})
    with pytest.raises(BluebookError, match=r"not deployed: served as Q8_0 .* Take --quantisation F16"):
        deploy(Path(), Prefix(), EXAM, "gguf", "Q8_0")
    assert not (root / REGISTRY).exists()
    file.unlink()


def stand_in(folder: Path, code: int = 0) -> None:
    """An `ollama` that notes what it was asked, and keeps the Modelfile."""
    program = folder / "ollama"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> "{folder}/told"\ncp "$4" "{folder}/Modelfile"\necho no room >&2\nexit {code}\n'
    )
    program.chmod(0o755)


def test_ollama_is_refused_what_it_would_show_other_tokens(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(BluebookError, match="Ollama cannot cut text as this base's tokenizer does"):
        deploy(Path(), Prefix(), EXAM, "ollama", "Q8_0")
    assert not (tmp_path / "told").exists()


def test_ollama_is_given_the_modelfile_and_asked_the_canary(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = project(tmp_path_factory.mktemp("ollama"), "lora", words=_QWEN2)
    monkeypatch.chdir(other)
    stand_in(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    made = deploy(Path(), Prefix(), EXAM, "gguf", "Q8_0")
    assert made.tokens.same == made.tokens.prompts
    folder = other / "deployments/prefix"
    file = next(folder.glob("*-Q8_0.gguf"))
    assert dict(read_modelfile((folder / "Modelfile").read_text()))["FROM"] == f"./{file.name}"
    one = Serving(model=str(file), model_alias=made.model, n_ctx=made.context)
    with running(one) as url:
        monkeypatch.setenv("OLLAMA_HOST", url.removeprefix("http://"))
        found = deploy(Path(), Prefix(), EXAM, "ollama", "Q8_0")
    assert found.provider == "ollama" and found.endpoint == made.endpoint
    assert (tmp_path / "told").read_text().split()[:3] == ["create", made.model, "-f"]
    assert dict(read_modelfile((tmp_path / "Modelfile").read_text()))["FROM"] == str(file.resolve())
    stand_in(tmp_path, code=1)
    with pytest.raises(BluebookError, match=r"`ollama create .*` failed: no room"):
        deploy(Path(), Prefix(), EXAM, "ollama", "Q8_0")
