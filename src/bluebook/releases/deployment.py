"""From an adapter to a served model: merge, convert, quantise, serve, examine, register.

Everything lies in `deployments/S/`. Each file appears whole or not at all, is kept with what it was made from, and is
taken from there the next time. A model is called deployed, and enters `deployments/registry.json`, when a canary exam
was asked of the endpoint that serves it and its score lies within the interval of the graded one; until then nothing
of an earlier deployment is replaced.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec

from bluebook.artifacts import atomic_folder, atomic_writer, sha256, sidecar_path, write_json
from bluebook.errors import BluebookError
from bluebook.exams.client import Client
from bluebook.exams.doors import load_voice
from bluebook.exams.engine import Asked
from bluebook.exams.server import Server
from bluebook.families import encode_prompt, render_prompt
from bluebook.params import ExamParams
from bluebook.releases.deployment_canary import Graded, Served, graded, require_same_chat, sit
from bluebook.releases.deployment_record import FOLDER, Deployment, Examined, Tokens, register
from bluebook.releases.deployment_server import TOKENIZER, Serving, command, configuration, running
from bluebook.releases.deployment_source import Source, read_source
from bluebook.releases.deployment_weights import merged
from bluebook.releases.gguf_file import tensor_types
from bluebook.releases.gguf_quantising import INSTALL, QUANTISATIONS, can_quantise, has_binding, quantise
from bluebook.releases.gguf_writing import Label, write_gguf
from bluebook.releases.modelfile import modelfile
from bluebook.steps import Step, step
from bluebook.subjects.subject import Subject

Target = Literal["ollama", "gguf"]
WHOLE = "F16"  # the kind that all others are made from
KINDS = (WHOLE, "Q8_0", "Q6_K", "Q4_K_M")
OLLAMA = "http://127.0.0.1:11434"
PORT = 8000  # of the server that a person starts
PACKAGES = ("bluebook", "gguf", "llama-cpp-python", "peft", "torch", "transformers")


def deploy(root: Path, subject: Subject, exam: ExamParams, target: Target, kind: str) -> Deployment:
    """Deploy the adapter of `subject` in the repository `root` as a file of this `kind`.

    Raises BluebookError before any work where something that is needed is missing, and at the end where the served
    score lies outside the graded score's interval.
    """
    _require_tools(target)
    source = read_source(root, subject, exam)
    if target == "ollama" and source.own_cut:
        raise BluebookError(
            "Ollama cannot cut text as this base's tokenizer does: llama.cpp knows the ways of a few models by name, "
            "and the model would be shown other tokens than in training. Deploy with --to gguf, whose server is given "
            "the tokenizer, or start from a base of the Qwen 2, Qwen 3 or Llama 3 family"
        )
    folder = root / FOLDER / subject.name
    with _alone(folder):
        files = _build(source, folder)
        tokens = _compare_tokens(files[WHOLE], source)
        serving = _serving(source, folder, tokens)
        examined = [_examine(source, kind_, file, serving) for kind_, file in files.items()]
        endpoint = next(found.served for found in examined if found.kind == kind)
        if target == "ollama":
            endpoint = _into_ollama(source, files[kind], kind, tokens)
        _require_within(source, kind, endpoint, examined)
        made = _deployment(
            source,
            target=target,
            kind=kind,
            folder=folder,
            tokens=tokens,
            examined=examined,
            endpoint=endpoint,
        )
        with step("10.6", f"Register {made.model}"):
            _write(folder / "Modelfile", _modelfile(source, f"./{files[kind].name}"))
            _write(folder / "server.json", configuration(serving(files[kind]), PORT))
            register(root, made)
    return made


def _require_tools(target: Target) -> None:
    if target == "ollama" and shutil.which("ollama") is None:
        raise BluebookError(
            "Ollama is not installed here (no `ollama` on PATH); install it, or deploy with --to gguf"
        )
    if not can_quantise() or not has_binding():
        raise BluebookError(
            f"llama.cpp's Python binding is not installed, which quantises and serves; {INSTALL}"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Raise BluebookError where another process deploys the same subject."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BluebookError(
                f"{folder}: another `bluebook deploy` is at work there; wait for it"
            ) from None
        yield


def _build(source: Source, folder: Path) -> dict[str, Path]:
    """The files of all kinds; those that are there already, whole and made from the same, stay."""
    files = {kind: folder / f"{source.label}-{kind}.gguf" for kind in KINDS}
    with step("10.1", f"Merge {source.adapter.name} into its base and convert it") as told:
        if _kept(source, WHOLE, files[WHOLE]):
            told.note("as before")
        else:
            write_gguf(
                merged(source.base, source.adapter),
                source.tokenizer,
                source.family,
                files[WHOLE],
                label=Label(source.label, source.digest, source.base_name),
                running=told,
            )
            _keep(source, WHOLE, files[WHOLE])
    with step("10.2", f"Quantise to {', '.join(QUANTISATIONS)}") as told:
        for done, kind in enumerate(QUANTISATIONS, 1):
            if not _kept(source, kind, files[kind]):
                quantise(files[WHOLE], files[kind], kind)
                _keep(source, kind, files[kind])
            told.progress(done, len(QUANTISATIONS))
    return files


def _made_from(source: Source, kind: str) -> dict[str, Any]:
    return {
        "adapter": source.digest,
        "base": msgspec.to_builtins(source.manifest.base),
        "kind": kind,
        "versions": {name: version(name) for name in PACKAGES},
    }


def _kept(source: Source, kind: str, file: Path) -> bool:
    """Whether the file is there, made from the same, and as it was written."""
    sidecar = sidecar_path(file)
    if not file.exists() or not sidecar.exists():
        return False
    recorded = msgspec.json.decode(sidecar.read_bytes())
    return bool(recorded == {"made_from": _made_from(source, kind), "sha256": sha256(file)})


def _keep(source: Source, kind: str, file: Path) -> None:
    write_json(sidecar_path(file), {"made_from": _made_from(source, kind), "sha256": sha256(file)})


def _compare_tokens(file: Path, source: Source) -> Tokens:
    """What llama.cpp's own tokenizer makes of the canary's prompts, beside ours."""
    from llama_cpp import Llama

    with step("10.3", "Compare llama.cpp's tokens with those of training") as told:
        prompts = [Asked(item, "free").messages for item in source.asked.items]
        same = 0
        with closing(Llama(str(file), vocab_only=True, verbose=False)) as theirs:
            for messages in prompts:
                text = render_prompt(source.family, messages)
                ours = encode_prompt(source.tokenizer, source.family, messages)
                same += int(theirs.tokenize(text.encode(), add_bos=False, special=True) == ours)
        told.note(f"{same} of {len(prompts)} prompts are the same tokens")
    return Tokens(prompts=len(prompts), same=same)


class _Server(msgspec.Struct, frozen=True):
    """How any file of the source is served: called with one, its configuration."""

    alias: str
    context: int
    tokenizer: Path | None

    def __call__(self, file: Path) -> Serving:
        own = None if self.tokenizer is None else self.tokenizer.as_posix()
        return Serving(
            model=file.as_posix(),
            model_alias=self.alias,
            n_ctx=self.context,
            hf_pretrained_model_name_or_path=own,
        )


def _serving(source: Source, folder: Path, tokens: Tokens) -> _Server:
    """Where llama.cpp makes other tokens, its server is given the base's tokenizer, copied beside the files."""
    own = None
    if source.own_cut or tokens.same < tokens.prompts:
        own = folder / f"{source.label}-tokenizer"
        with atomic_folder(own) as out:
            shutil.copyfile(source.base / TOKENIZER, out / TOKENIZER)
    return _Server(source.label, source.context, own)


def _examine(source: Source, kind: str, file: Path, serving: _Server) -> Examined:
    with (
        step("10.4", f"Ask {len(source.asked.items)} exam items of {file.name}") as told,
        running(serving(file)) as url,
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


def _sit(source: Source, url: str, model: str, kind: str, told: Step) -> Served:
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
    kept = Path("logs") / FOLDER / f"{source.subject.name}-{kind}.jsonl"
    return sit(engine, source.asked, source.subject, kept=kept, run=run, running=told)


def _into_ollama(source: Source, file: Path, kind: str, tokens: Tokens) -> Served:
    """Create the model in Ollama and ask it the canary exam there. One that fails it does not stay."""
    if tokens.same < tokens.prompts:
        raise BluebookError(
            f"llama.cpp makes other tokens of {tokens.prompts - tokens.same} of {tokens.prompts} exam prompts than "
            "training did, so Ollama would too; deploy with --to gguf, whose server is given the tokenizer"
        )
    name = _model_name(source, kind)
    with step("10.5", f"Create {name} in Ollama and ask it the canary exam") as told:
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "Modelfile"
            written.write_text(_modelfile(source, str(file.resolve())))
            _ollama("create", name, "-f", str(written))
        served = _sit(source, _ollama_address(), name, f"{kind}-ollama", told)
        if not served.within:
            _ollama("rm", name)
    return served


def _ollama(*arguments: str) -> None:
    done = subprocess.run(
        ["ollama", *arguments], capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-300:] or "it said nothing"
        raise BluebookError(f"`ollama {' '.join(arguments[:2])}` failed: {said}; is `ollama serve` up?")


def _ollama_address() -> str:
    """Where Ollama listens, as its own variable OLLAMA_HOST says it."""
    host = os.environ.get("OLLAMA_HOST", "").strip() or OLLAMA
    return (host if "://" in host else f"http://{host}").replace("//0.0.0.0", "//127.0.0.1")


def _model_name(source: Source, kind: str) -> str:
    return f"{source.subject.name}:{source.digest[:12]}-{kind.lower()}"


def _modelfile(source: Source, file: str) -> str:
    return modelfile(file, source.family, context=source.context, system=source.system)


def _require_within(source: Source, kind: str, endpoint: Served, examined: Sequence[Examined]) -> None:
    if endpoint.within:
        return
    before: Graded = graded(source.asked)
    inside = [found.kind for found in examined if found.served.within and found.kind != kind]
    advice = (
        f"Take --quantisation {inside[0]}" if inside else "No other kind of file serves it as it was graded"
    )
    raise BluebookError(
        f"{source.subject.name} is not deployed: served as {kind} it scores {endpoint.score:.3f} on {before.n} items, "
        f"outside of the graded score's interval {before.low:.3f} to {before.high:.3f} ({before.score:.3f}). {advice}"
    )


def _deployment(
    source: Source,
    *,
    target: Target,
    kind: str,
    folder: Path,
    tokens: Tokens,
    examined: list[Examined],
    endpoint: Served,
) -> Deployment:
    model, base = _model_name(source, kind), source.manifest.base
    return Deployment(
        subject=source.subject.name,
        provider="ollama" if target == "ollama" else "llama.cpp",
        model=model,
        quantisation=kind,
        method=source.manifest.method,
        constructs=sorted({name for item in source.asked.items for name in item.constructs}),
        base=source.base_name,
        base_revision=base.revision or base.weights_sha256,
        adapter=source.digest,
        date=source.date,
        commit=source.commit,
        context=source.context,
        graded=graded(source.asked),
        tokens=tokens,
        files=examined,
        endpoint=endpoint,
        start=["ollama", "run", model] if target == "ollama" else command(folder / "server.json"),
    )


def _write(path: Path, content: str | bytes) -> None:
    with atomic_writer(path) as out:
        out.write(content.encode() if isinstance(content, str) else content)
