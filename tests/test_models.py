from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from httpx2 import ConnectError, Request, Response
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from bluebook.errors import BluebookError, DataError
from bluebook.models import (
    adapter_manifest,
    base_manifest,
    check_adapter,
    count_parameters,
    load_base,
    load_model,
    load_tokenizer,
    passing,
    place,
    seed_everything,
    weights_sha256,
    write_manifest,
)
from bluebook.params import Local
from bluebook.training.base import build
from tests.training.conftest import LOCAL, base_params, checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
IN_A_NEW_PROCESS = """
import sys
from pathlib import Path
from bluebook.models import load_base, load_tokenizer
from bluebook.training.base import build
from tests.training.conftest import LOCAL, base_params
manifest = build(base_params("someone/tiny", sys.argv[2]), [], Path(sys.argv[1]), seed=7, local=LOCAL)
print(manifest.source, manifest.location, manifest.revision, manifest.family, manifest.weights_sha256)
print(load_base(Path(sys.argv[1]), LOCAL).num_parameters(), len(load_tokenizer(Path(sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("base")
    build(base_params(str(checkpoint("qwen3", root / "mine"))), [], root / "base", seed=7, local=LOCAL)
    return root / "base"


def hub_cache(root: Path, kind: str) -> Path:
    """A hub cache that holds `someone/tiny` at one commit, laid out as huggingface_hub does it."""
    repository = root / "hub" / "models--someone--tiny"
    checkpoint(kind, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return repository / "snapshots" / COMMIT


def offline(root: Path, revision: str) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).parents[1]
    environment = os.environ | {
        "HF_HOME": str(root),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": f"{here / 'src'}{os.pathsep}{here}",
    }
    environment.pop("HF_HUB_CACHE", None)
    (root / "base").mkdir()
    command = [sys.executable, "-c", IN_A_NEW_PROCESS, str(root / "base"), revision]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=root)


@pytest.mark.parametrize("kind", ["qwen3", "llama"])
def test_a_hub_base_loads_from_the_cache_without_a_network(tmp_path: Path, kind: str) -> None:
    snapshot = hub_cache(tmp_path, kind)
    done = offline(tmp_path, COMMIT)
    assert done.returncode == 0, done.stderr
    family = {"qwen3": "qwen", "llama": "llama3"}[kind]
    assert done.stdout.splitlines() == [
        f"hub someone/tiny {COMMIT} {family} None",
        f"{count_parameters(snapshot)} {len(load_tokenizer(snapshot))}",
    ]
    assert not list((tmp_path / "base").glob("*.safetensors"))


def test_a_commit_that_is_not_in_the_cache_is_an_error_that_names_it(tmp_path: Path) -> None:
    hub_cache(tmp_path, "qwen3")
    done = offline(tmp_path, "f" * 40)
    assert done.returncode != 0 and "BluebookError" in done.stderr and "f" * 40 in done.stderr


def test_an_adapter_loads_only_on_its_own_base(base: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    load_base(base, LOCAL).save_pretrained(adapter)
    write_manifest(adapter, adapter_manifest(base, "full"))
    assert check_adapter(base, adapter).method == "full"
    assert load_model(base, adapter, LOCAL).num_parameters() == load_base(base, LOCAL).num_parameters()

    other = shutil.copytree(base, tmp_path / "other")
    write_manifest(other, msgspec.structs.replace(base_manifest(base), weights_sha256="0" * 64))
    with pytest.raises(DataError, match="another base"):
        load_model(other, adapter, LOCAL)
    for name, what in (
        ("tokenizer.json", "another tokenizer"),
        ("chat_template.jinja", "another chat template"),
    ):
        other = shutil.copytree(base, tmp_path / name)
        file = other / name
        file.write_text(file.read_text("utf-8") + " ", "utf-8")
        with pytest.raises(DataError, match=what):
            load_model(other, adapter, LOCAL)


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"base.json: not found"):
        load_base(tmp_path, LOCAL)
    (tmp_path / "base.json").write_text('{"source": "moon"}')
    with pytest.raises(DataError, match="expected a BaseManifest"):
        load_base(tmp_path, LOCAL)


def test_weights_that_are_not_safetensors_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(DataError, match="safetensors"):
        weights_sha256(tmp_path)


def test_auto_takes_what_exists() -> None:
    assert place(Local()).device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert place(Local(device="cpu")).dtype is torch.float32
    assert place(Local(device="cpu", dtype="bfloat16")).dtype is torch.bfloat16
    assert not place(Local(device="cpu", dtype="float32")).mixed


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a card")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:3"])
def test_a_device_that_is_not_there_is_an_error_and_never_the_cpu(device: str) -> None:
    with pytest.raises(BluebookError, match=f"device '{device}' is not there"):
        place(Local(device=device))


@pytest.mark.parametrize("device", ["gpu", "mps", "tpu:1"])
def test_an_unknown_device_is_an_error(device: str) -> None:
    with pytest.raises(BluebookError, match="is not one of auto, cpu, cuda"):
        place(Local(device=device))


def test_threads_are_set() -> None:
    place(Local(device="cpu", threads=1))
    assert torch.get_num_threads() == 1


def test_a_seed_gives_the_same_numbers() -> None:
    seed_everything(5)
    first = torch.rand(3)
    seed_everything(5)
    assert torch.equal(first, torch.rand(3))


class TestPassing:
    """Which failed downloads are worth another try."""

    @staticmethod
    def answered(code: int) -> OSError:
        """What transformers raises when the hub answers with an error."""
        request = Request("GET", "https://example.com")
        answer = HfHubHTTPError("no", response=Response(code, request=request))
        try:
            raise OSError("a specific connection error") from answer
        except OSError as error:
            return error

    @pytest.mark.parametrize(
        ("code", "again"), [(500, True), (503, True), (429, True), (404, False), (401, False)]
    )
    def test_by_the_hub_s_answer(self, code: int, again: bool) -> None:
        assert passing(self.answered(code)) is again

    def test_a_network_that_is_down(self) -> None:
        assert passing(ConnectError("unreachable"))
        assert passing(TimeoutError())

    def test_never_offline_a_full_disk_or_a_wrong_name(self) -> None:
        assert not passing(OfflineModeIsEnabled("offline"))
        assert not passing(OSError(errno.ENOSPC, "No space left on device"))
        assert not passing(OSError("not a valid model identifier"))
