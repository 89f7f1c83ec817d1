"""Releases: gated, examined, tagged, restorable and deployed; and training on another machine."""
