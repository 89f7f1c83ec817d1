from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bluebook import artifacts
from bluebook.errors import BluebookError, ParamsError
from bluebook.families import family_named, verify_template
from bluebook.models import base_manifest, load_base, load_tokenizer
from bluebook.training.base import build, build_tokenizer, turns
from tests.training.conftest import EMBEDDED, LOCAL, base_params, checkpoint, examples


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("embedded")
    build(base_params("embedded"), examples(), out, seed=7, local=LOCAL)
    return out


def test_the_embedded_base_has_learned_the_language(built: Path) -> None:
    model, tokenizer = load_base(built, LOCAL), load_tokenizer(built)
    texts = turns(examples(200)[160:], family_named("qwen"))
    ids = [torch.tensor([tokenizer.encode(text, add_special_tokens=False)]) for text in texts]
    with torch.no_grad():
        losses = [model(input_ids=i, labels=i).loss.item() for i in ids]
    assert sum(losses) / len(losses) < 0.6 * torch.log(torch.tensor(float(len(tokenizer))))
    manifest = base_manifest(built)
    assert manifest.family == "qwen" and manifest.parameters == model.num_parameters()


def test_the_same_samples_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    build(base_params("embedded"), examples(), again, seed=7, local=LOCAL)
    assert artifacts.sha256(again) == artifacts.sha256(built)


def test_prompts_and_responses_are_never_side_by_side() -> None:
    texts = turns(examples(20), family_named("qwen"))
    assert len(texts) == 40
    assert not any(e.prompt in text and e.response in text for e in examples(20) for text in texts)


def test_the_tokenizer_writes_the_familys_own_wrapping(built: Path) -> None:
    assert verify_template(load_tokenizer(built), family_named("qwen"))


@pytest.fixture(scope="module")
def tokenizer(built: Path):  # type: ignore[no-untyped-def]
    return load_tokenizer(built)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_tokenizer(tokenizer, text: str) -> None:  # type: ignore[no-untyped-def]
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_loading_keeps_the_tokenizer_as_it_was_trained(built: Path) -> None:
    """transformers picks a class by the model's type, and some rebuild what the file says."""
    fresh = build_tokenizer(examples(), EMBEDDED.vocabulary)
    for text in ("Where is the lamp? 12 x", "<|im_start|>user\nHi<|im_end|>\n", "  \n\tß"):
        assert load_tokenizer(built).encode(text, add_special_tokens=False) == fresh.encode(
            text, add_special_tokens=False
        )


def test_no_samples_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BluebookError, match="needs generated samples"):
        build(base_params("embedded"), [], tmp_path, seed=7, local=LOCAL)


def test_a_local_folder_is_pointed_at(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint(kind, Path("weights/mine"))
    Path("base").mkdir()
    manifest = build(base_params("weights/mine"), [], Path("base"), seed=7, local=LOCAL)
    assert (manifest.source, manifest.location, manifest.revision) == ("folder", "weights/mine", None)
    assert manifest.family == {"qwen3": "qwen", "llama": "llama3"}[kind]
    assert not list(Path("base").glob("*.safetensors"))
    original = load_tokenizer(Path("weights/mine"))
    assert load_tokenizer(Path("base")).get_vocab() == original.get_vocab()  # nothing is added to a real base
    model = load_base(Path("base"), LOCAL)
    assert model.config.model_type == kind and model.num_parameters() == manifest.parameters


def test_weights_that_changed_since_are_refused(tmp_path: Path) -> None:
    folder = checkpoint("qwen3", tmp_path / "mine")
    (tmp_path / "base").mkdir()
    build(base_params(str(folder)), [], tmp_path / "base", seed=7, local=LOCAL)
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(BluebookError, match="weights are not those"):
        load_base(tmp_path / "base", LOCAL)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "abc123"])
def test_a_hub_name_needs_a_commit(tmp_path: Path, revision: str | None) -> None:
    with pytest.raises(ParamsError, match="needs the commit it stands for"):
        build(base_params("someone/model", revision), [], tmp_path, seed=7, local=LOCAL)


@pytest.mark.parametrize("source", ["./nowhere", "/nowhere/at/all", "a/b/c"])
def test_a_folder_that_is_not_there(tmp_path: Path, source: str) -> None:
    with pytest.raises(ParamsError, match="neither a folder here nor a hub name"):
        build(base_params(source), [], tmp_path, seed=7, local=LOCAL)


def test_an_unknown_family_is_an_error(tmp_path: Path) -> None:
    folder = checkpoint("qwen3", tmp_path / "mine")
    params = msgspec.structs.replace(base_params(str(folder)), family="nobody")
    with pytest.raises(BluebookError, match="no chat family 'nobody'"):
        build(params, [], tmp_path / "base", seed=7, local=LOCAL)
