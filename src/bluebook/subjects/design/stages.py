"""The stages of the curriculum, from easy to hard. `recipes.py` says what each asks."""

from __future__ import annotations

from typing import Literal, get_args

Stage = Literal["simple", "structured", "complex", "novel"]
STAGES: tuple[Stage, ...] = get_args(Stage)
# Beside the curriculum, for a model that knows no language yet: designs of all stages, as many as it needs.
PRIMER = "primer"
