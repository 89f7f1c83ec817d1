"""vLLM in this process, as an engine. Installed by hand: it brings a torch of its own.

It batches by itself, so a group is what one call is given. It has no clock for a single answer; the exam's token limit
ends each. Its grammar is the subject's alone, as at a server (`server.py`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bluebook.errors import BluebookError
from bluebook.exams.doors import Voice
from bluebook.exams.engine import MODES, Asked, Group
from bluebook.generation import content, stop_id
from bluebook.models import base_manifest, check_adapter
from bluebook.records import Answer, Finish, Message, Mode

GROUP = 256  # items a call: many batches, and little to ask again after a kill


class Vllm:
    """A base with an adapter, or the whole model that replaces it."""

    def __init__(
        self, name: str, base: Path, adapter: Path, voice: Voice, *, tokens: int, grammar: str | None = None
    ) -> None:
        """Raises BluebookError where vLLM is not installed, or the adapter is not this base's."""
        try:
            import vllm  # type: ignore[import-not-found]
            from vllm.lora.request import LoRARequest  # type: ignore[import-not-found]
        except ImportError as error:
            raise BluebookError(
                f"local.yaml: answer_with is vllm, which is not installed here ({error}). `pip install vllm` into an "
                f"environment of its own, serve the model there and name the server; or set answer_with to transformers"
            ) from error
        self.name = name
        self._vllm, self._voice, self._tokens, self._grammar = vllm, voice, tokens, grammar
        whole = check_adapter(base, adapter).method == "full"
        manifest = base_manifest(base)
        weights = {"embedded": str(base)}.get(manifest.source, manifest.location)
        self._lora = None if whole else LoRARequest(name, 1, str(adapter))
        self._model: Any = vllm.LLM(
            model=str(adapter) if whole else weights,
            revision=None if whole else manifest.revision,
            tokenizer=str(base),
            enable_lora=not whole,
            max_lora_rank=16 if whole else max(16, _rank(adapter)),
            seed=0,
        )

    @property
    def modes(self) -> Sequence[Mode]:
        return ("free",) if self._grammar is None else MODES

    def plan(self, asked: Sequence[Asked]) -> list[Group]:
        ranked = sorted(asked, key=lambda one: (one.mode, -len(one.item.prompt), one.item.id))
        return [ranked[start : start + GROUP] for start in range(0, len(ranked), GROUP)]

    def write(self, groups: Iterable[Group]) -> Iterator[list[Answer]]:
        for group in groups:
            written = self._written([(one.messages, one.mode) for one in group])
            yield [
                Answer(
                    item=one.item.id, model=self.name, mode=one.mode, text=text, tokens=tokens, finish=finish
                )
                for one, (text, tokens, finish) in zip(group, written, strict=True)
            ]

    def stream(self, messages: Sequence[Message], mode: Mode) -> Generator[str, None, Finish]:
        """The whole reply at once: vLLM in process hands out nothing earlier."""
        [(text, _, finish)] = self._written([(messages, mode)])
        yield text
        return finish

    def _written(self, asked: Sequence[tuple[Sequence[Message], Mode]]) -> list[tuple[str, int, Finish]]:
        prompts = [self._voice.prompt(messages) for messages, _ in asked]
        room = [min(self._tokens, self._voice.context - len(prompt)) for prompt in prompts]
        fitting = [place for place, limit in enumerate(room) if limit > 0]
        outputs = self._model.generate(
            [{"prompt_token_ids": prompts[place]} for place in fitting],
            [self._sampling(asked[place][1], room[place]) for place in fitting],
            lora_request=self._lora,
            use_tqdm=False,
        )
        written: list[tuple[str, int, Finish]] = [("", 0, "error")] * len(asked)
        for place, output in zip(fitting, outputs, strict=True):
            tokens = output.outputs[0].token_ids
            text = content(self._voice.tokenizer, self._voice.family, tokens)
            written[place] = (
                text,
                len(tokens),
                "stop" if output.outputs[0].finish_reason == "stop" else "length",
            )
        return written

    def _sampling(self, mode: Mode, limit: int) -> Any:
        held = None
        if mode == "constrained":
            if self._grammar is None:
                raise BluebookError(f"{self.name} has no grammar to be held to; ask it free")
            held = self._vllm.sampling_params.StructuredOutputsParams(
                grammar=self._voice.framed(self._grammar)
            )
        return self._vllm.SamplingParams(
            temperature=0.0,
            max_tokens=limit,
            stop_token_ids=[stop_id(self._voice.tokenizer, self._voice.family)],
            structured_outputs=held,
        )


def _rank(adapter: Path) -> int:
    """The rank of a LoRA; vLLM keeps room for 16 unless it is told otherwise."""
    return int(msgspec.json.decode((adapter / "adapter_config.json").read_bytes())["r"])
