"""The labels and the sentence that says what each one means. Imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from models.prediction import SENTIMENTS

DEFAULT = Path(__file__).with_name("topics.yaml")


class TaxonomyError(ValueError):
    """The file of labels cannot be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Label:
    """A name as it stands in data and in rows, and the sentence that defines it."""

    name: str
    description: str

    @property
    def digest(self) -> str:
        """Sixteen hex digits that change when the meaning does, spacing aside."""
        return _digest(" ".join(self.description.split()))


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Topics in the order of the file, sentiments in the order of ``SENTIMENTS``."""

    topics: tuple[Label, ...]
    sentiments: tuple[Label, ...]

    @property
    def digest(self) -> str:
        """Eight hex digits of the topics' names, order and meanings; part of a row's version."""
        return _digest("\n".join(f"{topic.name}\t{topic.digest}" for topic in self.topics))[:8]


def load(path: Path | None = None) -> Taxonomy:
    """Read a file of labels; ``None`` is the default that ships.

    Raises:
        TaxonomyError: unreadable, no topics, a name twice, a missing description, or sentiments
            that are not exactly the three.
    """
    path = path or DEFAULT
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaxonomyError(f"cannot read labels from {path}: {error}") from error
    if not isinstance(content, Mapping):
        raise TaxonomyError(f"{path}: expected the keys 'topics' and 'sentiments'")
    topics = _labels(content.get("topics"), f"{path}: topics")
    sentiments = {
        label.name: label for label in _labels(content.get("sentiments"), f"{path}: sentiments")
    }
    if set(sentiments) != set(SENTIMENTS):
        raise TaxonomyError(f"{path}: sentiments must be exactly {', '.join(SENTIMENTS)}")
    return Taxonomy(topics, tuple(sentiments[name] for name in SENTIMENTS))


def _labels(entries: object, where: str) -> tuple[Label, ...]:
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise TaxonomyError(f"{where}: expected a list of entries with 'name' and 'description'")
    labels = tuple(_label(entry, where) for entry in entries)
    names = [label.name for label in labels]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TaxonomyError(f"{where}: named more than once: {', '.join(twice)}")
    return labels


def _label(entry: object, where: str) -> Label:
    match entry:
        case {"name": str(name), "description": str(description), **more} if not more:
            if name.strip() and description.strip():
                return Label(name.strip(), " ".join(description.split()))
    raise TaxonomyError(
        f"{where}: expected 'name' and 'description', both not empty, in {entry!r:.80}"
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
