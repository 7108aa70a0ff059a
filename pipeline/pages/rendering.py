"""Templates to text. Everything that is not a template's own is escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

STYLE: Final = "style.css"


@cache
def environment() -> Environment:
    """The templates of this package; a name that is not given is an error, not empty."""
    found = Environment(
        loader=PackageLoader("pipeline.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"when": when, "clock": clock}
    return found


def render(template: str, **values: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """A whole page, with its style inside."""
    return environment().get_template(template).render(policy=policy(), **values)


@cache
def policy() -> str:
    """Content-Security-Policy of every page: our own style, by its hash, and nothing else."""
    style = environment().get_template(STYLE).render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def when(at: Any) -> str:  # noqa: ANN401 - a time; templates are not typed
    """A time as people read it, always UTC."""
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M}"


def clock(at: Any) -> str:  # noqa: ANN401 - a time; templates are not typed
    """Its time of the day alone."""
    return f"{at:%H:%M}"
