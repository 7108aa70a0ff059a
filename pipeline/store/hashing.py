"""The name of a text: what articles, labels and the classifier's rows have in common."""

from __future__ import annotations

import hashlib


def text_hash(title: str, body: str) -> str:
    """Key of a text: sha256 of title, NUL and body; neither can contain NUL."""
    return hashlib.sha256(f"{title}\0{body}".encode()).hexdigest()
