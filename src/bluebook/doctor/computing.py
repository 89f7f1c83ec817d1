"""What the training device can do, from trials in child processes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from bluebook.doctor import trials
from bluebook.doctor.findings import Finding, blocks, fine, note, warning
from bluebook.doctor.trials import Trial
from bluebook.params import Local, Params, Quantisation

SECONDS = 90.0  # for a trial of quantisation; a card's libraries are loaded from a cold disk


def computing(device: str, local: Local | None, limit: float = trials.LIMIT) -> list[Finding]:
    """Products in float32 and bfloat16, and the attention kernels."""
    names = [name for name in trials.TRIALS if name != "flash-attn" or find_spec("flash_attn") is not None]
    return judged(trials.attempt(names, device, limit), device, local)


def judged(outcomes: Sequence[Trial], device: str, local: Local | None) -> list[Finding]:
    by_name = {trial.name: trial for trial in outcomes}
    whole, half = by_name["float32"], by_name["bfloat16"]
    if not whole.works:
        advice = (
            f"the driver, the build of torch and {device} do not fit together; `device: cpu` works meanwhile"
        )
        return [blocks("float32", f"{device}: {whole.detail}", advice)]
    findings = [fine("float32", f"computes right on {device}")]
    if half.works:
        findings.append(fine("bf16", half.detail))
    elif local is not None and local.dtype == "bfloat16":
        findings.append(
            blocks("bf16", f"local.yaml asks for it: {half.detail}", "`dtype: auto` in local.yaml")
        )
    else:
        findings.append(note("bf16", f"does not work: {half.detail}", "`dtype: float32` in local.yaml"))
    kernels = [trial for trial in outcomes if trial.name not in {"float32", "bfloat16"}]
    working = [trial.name for trial in kernels if trial.works]
    if "sdpa math" not in working:
        advice = "install the torch of requirements.lock anew"
        return [
            *findings,
            blocks("attention", f"even the plain one fails: {by_name['sdpa math'].detail}", advice),
        ]
    findings.append(fine("attention", ", ".join(working)))
    if device != "cpu" and "sdpa flash" not in working and "sdpa memory-efficient" not in working:
        said = f"no fast kernel: {by_name['sdpa flash'].detail}"
        findings.append(note("attention", said, "long rows need much memory here; lower `per_device_batch`"))
    if (package := by_name.get("flash-attn")) is not None and not package.works:
        advice = "torch's own kernels are used; `pip uninstall flash-attn`, or build it for this torch"
        findings.append(warning("attention", f"flash-attn is installed and fails: {package.detail}", advice))
    return findings


def quantisation(
    kind: Quantisation, device: str, params: Params | None, seconds: float = SECONDS
) -> list[Finding]:
    """Whether `nf4` or `int8` trains on `device`; it blocks where a subject is to be trained with it."""
    from bluebook.training.quantisation import trial  # imports torch

    found = trial(kind, device.partition(":")[0], seconds)
    if found.works:
        return [fine(kind, found.detail)]
    said = f"does not work on {device}: {found.detail}"
    users = [
        name
        for name, subject in (params.subjects.items() if params is not None else ())
        if subject.train.method == "qlora" and subject.train.quantisation == kind
    ]
    if users:
        advice = "set another `quantisation`, or `method: lora`, in params.yaml"
        return [blocks(kind, f"{said}; {', '.join(users)} asks for it", advice)]
    return [note(kind, said, "train with `method: lora`, which needs no quantisation")]
