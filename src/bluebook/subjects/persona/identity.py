"""What makes a record itself: its words. Equal ids are exactly the duplicates.

Case, punctuation and space are folded, in every script. Plain ASCII, by far the most, is folded as bytes, at
a tenth of the cost.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_PUNCTUATION = "!\"#&'()*,-./:;?@[\\]_`{|}~"
_BLANKS = bytes(c for c in range(128) if chr(c).isspace())
_FOLDED = bytes.maketrans(bytes(range(65, 91)) + _BLANKS, bytes(range(97, 123)) + b" " * len(_BLANKS))
_NO_DIGITS = bytes(c for c in range(128) if not chr(c).isdigit())
# What most often keeps an English text from being plain ASCII.
_TYPOGRAPHIC = tuple(mark.encode() for mark in "’‘“”—–…⸺·«»")
_FIGURE = re.compile(rf"\d[{re.escape(_PUNCTUATION)}]\d".encode())
# Punctuation that no figure holds. It begins with its set of characters, to which a search can skip.
_MARK = f"[{re.escape(_PUNCTUATION)}]"
_LOOSE = re.compile(rf"{_MARK}(?:(?<!\d.)|(?!\d)){_MARK}*")
_ODD = re.compile(r"[^ -$&-~]")


def identify(user: str, reply: str) -> str:
    """The record's id: a hash of both texts, normalised."""
    pair = b"%s\n%s" % (normalise(user), normalise(reply))
    return "m-" + hashlib.blake2b(pair, digest_size=10).hexdigest()


def normalise(text: str) -> bytes:
    """Lower case, words parted by one space, no punctuation; `3.5` stays apart from `35`. A text of nothing
    but punctuation keeps it, so that such texts do not all become one."""
    plain = text.encode("utf-8", "surrogatepass")
    if not plain.isascii():
        for mark in _TYPOGRAPHIC:
            plain = plain.replace(mark, b"")
        if not plain.isascii():
            return _other_scripts(text)
    if len(plain.translate(None, _NO_DIGITS)) > 1 and _FIGURE.search(plain):
        plain = _LOOSE.sub("", plain.decode()).encode().translate(_FOLDED)
    else:
        plain = plain.translate(_FOLDED, _PUNCTUATION.encode())
    if plain.find(b"  ") >= 0:  # half of the time of `in`
        plain = b" ".join(plain.split())
    return plain.strip() or " ".join(text.split()).encode("utf-8", "surrogatepass")


def _other_scripts(text: str) -> bytes:
    """The same for any script. Marks belong to their letters; symbols and emoji count as what they are."""
    spoken = unicodedata.normalize("NFKC", text).casefold()
    for odd in set(_ODD.findall(spoken)):  # few kinds of many; `translate` would ask for every one of them
        if not odd.isspace() and unicodedata.category(odd)[0] in "PC":  # punctuation, control and format
            spoken = spoken.replace(odd, "")
    plain = " ".join(_LOOSE.sub("", spoken).split())
    return (plain or " ".join(text.split())).encode("utf-8", "surrogatepass")
