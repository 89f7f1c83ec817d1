"""The quick look before a slow rule: most texts hold nothing that a rule is about.

Quick looks search the folded text, in which every character takes one byte. (Searching bytes themselves looks
simpler and is four times as slow: `in` first tries to take the word for a number.)"""

from __future__ import annotations


def folded(text: str) -> str:
    """ASCII letters in lower case, everything else as its bytes in UTF-8. Not text any more: only for finding
    ASCII words. One curly quote makes `str.lower` a hundred times as slow; this takes a third of that."""
    if text.isascii():
        return text.lower()
    return text.encode("utf-8", "replace").lower().decode("latin-1")


def holds_any(text: str, words: tuple[str, ...]) -> bool:
    """Is one of `words` a substring of `text`? A loop, because it costs half of `any` over a generator."""
    for word in words:  # noqa: SIM110
        if word in text:
            return True
    return False
