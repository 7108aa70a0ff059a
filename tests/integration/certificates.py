"""Certificates for the tests' own broker and clients, made by openssl."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

HELP = "no openssl: install Debian's package openssl"


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM files; ``together`` holds key, certificate and signer in one."""

    key: Path
    certificate: Path
    together: Path


class Authority:
    """Signs certificates, by a certificate of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        if shutil.which("openssl") is None:
            if os.environ.get("CI"):
                pytest.fail(HELP)
            pytest.skip(HELP)
        self._folder = folder
        self._key = folder / f"{name}.key"
        self.certificate = folder / f"{name}.pem"
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate),
        )

    def identity(self, name: str) -> Identity:
        """A certificate for this machine, by any of its names."""
        key, certificate, together, request, names = (
            self._folder / f"{name}.{end}" for end in ("key", "crt", "all", "csr", "ext")
        )
        names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        subject = ("-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl("req", "-newkey", "rsa:2048", "-nodes", *subject)
        signer = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial")
        _openssl(
            *("x509", "-req", "-in", request, "-days", "2", "-extfile", names, *signer),
            *("-out", certificate),
        )
        parts = (key, certificate, self.certificate)
        together.write_text("".join(part.read_text() for part in parts))
        return Identity(key, certificate, together)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
