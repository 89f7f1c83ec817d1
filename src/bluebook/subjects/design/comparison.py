"""How near a design is to a reference."""

from __future__ import annotations

from bluebook.subjects.design.constructs import constructs

__all__ = ["constructs"]
