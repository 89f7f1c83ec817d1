"""From an adapter to a served model: merge, convert, quantise, serve, examine, register.

Everything lies in `deployments/S/`. Each file appears whole or not at all, is kept with what it was made from, and is
taken from there the next time. A model is called deployed, and enters `deployments/registry.json`, when a canary exam
was asked of the endpoint that serves it and its score lies within the interval of the graded one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from transformers import AutoConfig, PreTrainedTokenizerBase

from bluebook.artifacts import atomic_folder, atomic_writer, sha256, sidecar_path, write_json
from bluebook.errors import BluebookError, DataError
from bluebook.exams.client import Client
from bluebook.exams.doors import load_voice
from bluebook.exams.engine import Asked
from bluebook.exams.items import read_items
from bluebook.exams.server import Server
from bluebook.families import Family, encode_prompt, family_named, render_prompt
from bluebook.models import (
    ADAPTER_MANIFEST,
    AdapterManifest,
    BaseManifest,
    base_manifest,
    load_tokenizer,
    read_manifest,
)
from bluebook.params import ExamParams
from bluebook.records import Answer, DatasetRow, Grade, read_jsonl
from bluebook.releases.deployment_canary import Canary, Graded, Served, canary, graded, require_same_chat, sit
from bluebook.releases.deployment_server import TOKENIZER, Serving, command, configuration, running
from bluebook.releases.deployment_weights import merged
from bluebook.releases.gguf_file import tensor_types
from bluebook.releases.gguf_quantising import INSTALL, QUANTISATIONS, can_quantise, has_binding, quantise
from bluebook.releases.gguf_vocabulary import vocabulary
from bluebook.releases.gguf_writing import Label, write_gguf
from bluebook.releases.modelfile import modelfile, system_text
from bluebook.steps import step
from bluebook.subjects.subject import Subject

Target = Literal["ollama", "gguf"]
WHOLE = "F16"  # the kind that all others are made from
KINDS = (WHOLE, "Q8_0", "Q6_K", "Q4_K_M")
OLLAMA = "http://127.0.0.1:11434"
CONTEXT = 8192  # tokens that are served at most: what some models could hold fills a card
PORT = 8000  # of the server that a person starts
REGISTRY = Path("deployments/registry.json")


class Tokens(msgspec.Struct, kw_only=True, frozen=True):
    """Of how many exam prompts llama.cpp's own tokenizer makes the tokens of training."""

    prompts: int
    same: int


class Examined(msgspec.Struct, kw_only=True, frozen=True):
    """One file, what it holds its tensors in, and how it served."""

    kind: str
    file: str
    sha256: str
    bytes: int
    tensors: dict[str, int]
    served: Served


class Deployment(msgspec.Struct, kw_only=True, frozen=True):
    """`deployment.json`: what is served, how it was examined, and what it came from."""

    subject: str
    provider: str
    model: str
    quantisation: str
    method: str
    constructs: list[str]
    base: str
    base_revision: str | None
    adapter: str
    date: str  # of the commit
    commit: str
    context: int
    graded: Graded
    tokens: Tokens
    files: list[Examined]
    endpoint: Served
    start: list[str]


class Source(NamedTuple):
    """What is deployed: the folders of one subject, read."""

    subject: Subject
    exam: ExamParams
    base: Path
    adapter: Path
    manifest: AdapterManifest
    digest: str
    tokenizer: PreTrainedTokenizerBase
    family: Family
    context: int
    system: str | None
    asked: Canary

    @property
    def label(self) -> str:
        return f"{self.subject.name}-{self.digest[:12]}"


def deploy(root: Path, subject: Subject, exam: ExamParams, target: Target, kind: str) -> Deployment:
    """Deploy the adapter of `subject` in the repository `root` as a file of this `kind`.

    Raises BluebookError before any work where something that is needed is missing, and at the end where the served
    score lies outside the graded score's interval.
    """
    _require_tools(target)
    commit, date = _commit(root)
    source = _read(root, subject, exam)
    folder = root / "deployments" / subject.name
    _require_own_tokenizer(source, target)
    files = _build(source, folder)
    tokens = _compare_tokens(files[WHOLE], source)
    serving = _serving(source, files[kind], folder, tokens)
    with step("10.4", "Write the Modelfile and the server's configuration"):
        _write_text(folder / "Modelfile", _modelfile(source, files[kind]).encode())
        _write_text(folder / "server.json", configuration(serving, PORT))
    examined = [
        _examine(source, files[name], name, msgspec.structs.replace(serving, model=str(files[name])))
        for name in KINDS
    ]
    endpoint = next(found.served for found in examined if found.kind == kind)
    if target == "ollama":
        endpoint = _into_ollama(source, folder, kind, tokens)
    before = graded(source.asked)
    if not endpoint.within:
        raise BluebookError(_outside(subject.name, kind, endpoint, before, examined))
    made = Deployment(
        subject=subject.name,
        provider="ollama" if target == "ollama" else "llama.cpp",
        model=_model_name(source, kind),
        quantisation=kind,
        method=source.manifest.method,
        constructs=sorted({name for item in source.asked.items for name in item.constructs}),
        base=_base_name(source.manifest.base),
        base_revision=source.manifest.base.revision or source.manifest.base.weights_sha256,
        adapter=source.digest,
        date=date,
        commit=commit,
        context=source.context,
        graded=before,
        tokens=tokens,
        files=examined,
        endpoint=endpoint,
        start=["ollama", "run", _model_name(source, kind)]
        if target == "ollama"
        else command(folder / "server.json"),
    )
    with step("10.7", f"Register {made.model}"):
        write_json(folder / "deployment.json", made)
        write_json(root / REGISTRY, registry(root))
    return made


def registry(root: Path) -> dict[str, Any]:
    """Every deployment of this repository, as people know it from Ollama's role registries: one entry a model.

    It is made of the `deployment.json` files, so two deployments at once lose nothing of each other.
    """
    models = {}
    for file in sorted((root / "deployments").glob("*/deployment.json")):
        made = msgspec.json.decode(file.read_bytes(), type=Deployment)
        models[made.model] = {
            "provider": made.provider,
            "model": made.model,
            "description": f"{made.subject}, {made.method} on {made.base}",
            "options": {"contextWindow": made.context, "temperature": 0, "repeatPenalty": 1},
            "metadata": {
                "trainingMethod": made.method,
                "constructs": made.constructs,
                "baseModel": made.base,
                "baseRevision": made.base_revision,
                "fineTunedAt": made.date,
                "commit": made.commit,
                "adapter": made.adapter,
                "quantisation": made.quantisation,
                "score": made.endpoint.score,
                "gradedScore": made.graded.score,
                "gradedInterval": [made.graded.low, made.graded.high],
                "items": made.graded.n,
                "exam": f"{made.graded.exam} {made.graded.version}",
            },
        }
    return {"models": models}


def _require_tools(target: Target) -> None:
    if target == "ollama" and shutil.which("ollama") is None:
        raise BluebookError(
            "Ollama is not installed here (no `ollama` on PATH); install it, or deploy with --to gguf"
        )
    if not can_quantise() or not has_binding():
        raise BluebookError(
            f"llama.cpp's Python binding is not installed, which quantises and serves; {INSTALL}"
        )


def _commit(root: Path) -> tuple[str, str]:
    """Id and date of the commit that is checked out."""
    done = subprocess.run(
        ["git", "show", "--no-patch", "--format=%H %cI", "HEAD"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise BluebookError("what is deployed is dated by its commit, and here is none; commit first")
    found, date = done.stdout.split()
    return found, date


def _read(root: Path, subject: Subject, exam: ExamParams) -> Source:
    name = subject.name
    base, adapter = root / "models/base", root / "models/adapters" / name
    manifest: AdapterManifest = read_manifest(adapter, ADAPTER_MANIFEST, AdapterManifest)
    digest = sha256(adapter)
    answers = root / "data/answers" / f"{name}.jsonl"
    _require_answers_of(digest, answers, name)
    items = read_items(root / "data/exams" / name, root / "data/holdout" / f"{name}.jsonl", exam.max_items)
    asked = canary(
        items,
        list(read_jsonl(answers, Answer)),
        list(read_jsonl(_there(root / "data/grades" / f"{name}.jsonl"), Grade)),
    )
    config = AutoConfig.from_pretrained(base, local_files_only=True).get_text_config()
    return Source(
        subject=subject,
        exam=exam,
        base=base,
        adapter=adapter,
        manifest=manifest,
        digest=digest,
        tokenizer=load_tokenizer(base),
        family=family_named(base_manifest(base).family),
        context=min(config.max_position_embeddings, CONTEXT),
        system=system_text(read_jsonl(_there(root / "data/datasets" / name / "train.jsonl"), DatasetRow)),
        asked=asked,
    )


def _there(file: Path) -> Path:
    if not file.exists():
        raise DataError(file, None, "not found; run `dvc repro` first")
    return file


def _require_answers_of(digest: str, answers: Path, name: str) -> None:
    """Raise DataError unless the answers were written by the adapter that is there."""
    recorded = msgspec.json.decode(_there(sidecar_path(_there(answers))).read_bytes())
    if recorded["inputs"].get(f"models/adapters/{name}") != digest:
        raise DataError(
            answers, None, f"another adapter wrote these answers than the one in models/adapters/{name}, which is not "
            f"graded yet; run `dvc repro grade@{name}`"
        )  # fmt: skip


def _require_own_tokenizer(source: Source, target: Target) -> None:
    """Raise BluebookError where Ollama could only serve other tokens than those of training."""
    words = vocabulary(source.tokenizer, max(source.tokenizer.get_vocab().values()) + 1)
    if target == "ollama" and not words.exact:
        raise BluebookError(
            "Ollama cannot cut text as this base's tokenizer does: llama.cpp knows the ways of a few models by name, "
            "and the model would be shown other tokens than in training. Deploy with --to gguf, whose server is given "
            "the tokenizer, or start from a base of the Qwen 2, Qwen 3 or Llama 3 family"
        )


def _build(source: Source, folder: Path) -> dict[str, Path]:
    """The files of all kinds; those that are there already, whole and from the same source, stay."""
    files = {kind: folder / f"{source.label}-{kind}.gguf" for kind in KINDS}
    with step("10.1", f"Merge {source.adapter.name} into its base and convert it") as told:
        made_from = _made_from(source, WHOLE)
        if _kept(files[WHOLE], made_from):
            told.note("as before")
        else:
            label = Label(source.label, source.digest, _base_name(source.manifest.base))
            model = merged(source.base, source.adapter)
            write_gguf(model, source.tokenizer, source.family, files[WHOLE], label=label, running=told)
            _keep(files[WHOLE], made_from)
    with step("10.2", f"Quantise to {', '.join(QUANTISATIONS)}") as told:
        for done, kind in enumerate(QUANTISATIONS, 1):
            made_from = _made_from(source, kind)
            if not _kept(files[kind], made_from):
                quantise(files[WHOLE], files[kind], kind)
                _keep(files[kind], made_from)
            told.progress(done, len(QUANTISATIONS))
    return files


def _made_from(source: Source, kind: str) -> dict[str, Any]:
    packages = ("bluebook", "gguf", "torch", "transformers", "peft", "llama-cpp-python")
    return {
        "adapter": source.digest,
        "base": msgspec.to_builtins(source.manifest.base),
        "kind": kind,
        "versions": {name: version(name) for name in packages},
    }


def _kept(file: Path, made_from: dict[str, Any]) -> bool:
    """Whether the file is there, made from the same, and as it was written."""
    sidecar = sidecar_path(file)
    if not file.exists() or not sidecar.exists():
        return False
    recorded = msgspec.json.decode(sidecar.read_bytes())
    return bool(recorded == {"made_from": made_from, "sha256": sha256(file)})


def _keep(file: Path, made_from: dict[str, Any]) -> None:
    write_json(sidecar_path(file), {"made_from": made_from, "sha256": sha256(file)})


def _compare_tokens(file: Path, source: Source) -> Tokens:
    """What llama.cpp's own tokenizer makes of the exam's prompts, beside ours."""
    from llama_cpp import Llama

    with step("10.3", "Compare llama.cpp's tokens with those of training") as told:
        same, prompts = 0, [Asked(item, "free").messages for item in source.asked.items]
        with closing(Llama(str(file), vocab_only=True, verbose=False)) as theirs:
            for messages in prompts:
                text = render_prompt(source.family, messages)
                ours = encode_prompt(source.tokenizer, source.family, messages)
                same += theirs.tokenize(text.encode(), add_bos=False, special=True) == ours
        told.note(f"{same} of {len(prompts)} prompts are the same tokens")
    return Tokens(prompts=len(prompts), same=same)


def _serving(source: Source, file: Path, folder: Path, tokens: Tokens) -> Serving:
    """How the file is served; where llama.cpp makes other tokens, with the base's tokenizer, copied beside it."""
    own = None
    if tokens.same < tokens.prompts or not vocabulary(source.tokenizer, _rows(source)).exact:
        with atomic_folder(folder / "tokenizer") as out:
            shutil.copyfile(source.base / TOKENIZER, out / TOKENIZER)
        own = (folder / "tokenizer").as_posix()
    return Serving(
        model=file.as_posix(),
        model_alias=source.label,
        n_ctx=source.context,
        hf_pretrained_model_name_or_path=own,
    )


def _rows(source: Source) -> int:
    return max(source.tokenizer.get_vocab().values()) + 1


def _modelfile(source: Source, file: Path) -> str:
    return modelfile(file.name, source.family, context=source.context, system=source.system)


def _examine(source: Source, file: Path, kind: str, serving: Serving) -> Examined:
    with (
        step("10.5", f"Ask {len(source.asked.items)} exam items of {file.name}") as told,
        running(serving) as url,
    ):
        served = _sit(source, url, source.label, kind, told)
        told.note(f"score {served.score:.3f}, {served.same} answers as graded")
    return Examined(
        kind=kind,
        file=file.name,
        sha256=sha256(file),
        bytes=file.stat().st_size,
        tensors=tensor_types(file),
        served=served,
    )


def _sit(source: Source, url: str, model: str, kind: str, told: Any) -> Served:
    client, voice = Client(url, seconds=source.exam.max_seconds), load_voice(source.base)
    require_same_chat(client, model, voice)
    engine = Server(
        client,
        model,
        voice,
        name=source.label,
        max_new_tokens=source.exam.max_new_tokens,
        at_once=1,  # llama-cpp-python's server breaks off a request where another comes
    )
    run = f"{source.digest} {kind} {model} {source.exam.max_new_tokens}"
    kept = Path("logs/deployments") / f"{source.subject.name}-{kind}.jsonl"
    return sit(engine, source.asked, source.subject, kept=kept, run=run, running=told)


def _into_ollama(source: Source, folder: Path, kind: str, tokens: Tokens) -> Served:
    """Create the model in Ollama and ask it the canary exam there."""
    if tokens.same < tokens.prompts:
        raise BluebookError(
            f"llama.cpp makes other tokens of {tokens.prompts - tokens.same} of {tokens.prompts} exam prompts than "
            "training did, so Ollama would too; deploy with --to gguf, whose server is given the tokenizer"
        )
    name = _model_name(source, kind)
    with step("10.6", f"Create {name} in Ollama and ask it the canary exam") as told:
        done = subprocess.run(
            ["ollama", "create", name, "-f", "Modelfile"],
            cwd=folder, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())[-300:]
            raise BluebookError(
                f"`ollama create {name}` failed: {said or 'it said nothing'}; is `ollama serve` up?"
            )
        return _sit(source, _ollama_address(), name, f"{kind}-ollama", told)


def _ollama_address() -> str:
    """Where Ollama listens, as its own variable OLLAMA_HOST says it."""
    host = os.environ.get("OLLAMA_HOST", "").strip() or OLLAMA
    return (host if "://" in host else f"http://{host}").replace("//0.0.0.0", "//127.0.0.1")


def _model_name(source: Source, kind: str) -> str:
    return f"{source.subject.name}:{source.digest[:12]}-{kind.lower()}"


def _base_name(base: BaseManifest) -> str:
    return "embedded" if base.source == "embedded" else base.location


def _outside(name: str, kind: str, endpoint: Served, before: Graded, examined: Sequence[Examined]) -> str:
    inside = [found.kind for found in examined if found.served.within]
    advice = f"Take --quantisation {inside[0]}" if inside else "No kind of file serves it as it was graded"
    return (
        f"{name} is not deployed: served as {kind} it scores {endpoint.score:.3f} on {before.n} items, outside of the "
        f"graded score's interval {before.low:.3f} to {before.high:.3f} ({before.score:.3f}). {advice}"
    )


def _write_text(path: Path, content: bytes) -> None:
    with atomic_writer(path) as out:
        out.write(content)
