"""Bluebook teaches a language model a structured language and proves what it has learned."""
