"""Releases: tags, model cards, and files to deploy a model with."""
