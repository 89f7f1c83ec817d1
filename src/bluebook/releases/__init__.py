"""Releases: gated, examined, tagged and restorable; and training on another machine."""
