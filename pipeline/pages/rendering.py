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


def render(
    template: str,
    *,
    forms: bool = False,
    script: str | None = None,
    **values: Any,  # noqa: ANN401 - whatever the template shows
) -> str:
    """A whole page, with its style inside; ``script`` names the template that is its script."""
    rules = policy(forms=forms, script=script)
    return environment().get_template(template).render(policy=rules, script=script, **values)


@cache
def policy(*, forms: bool = False, script: str | None = None) -> str:
    """Content-Security-Policy: our own style and script, by their hashes, and nothing else.

    With ``forms`` the page may send forms, to where it comes from.
    """
    rules = ["default-src 'none'", f"style-src {_hash(STYLE)}"]
    if script is not None:
        rules.append(f"script-src {_hash(script)}")
    action = "'self'" if forms else "'none'"
    rules += ["base-uri 'none'", f"form-action {action}"]
    return "; ".join(rules)


def _hash(template: str) -> str:
    text = environment().get_template(template).render()
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def when(at: Any) -> str:  # noqa: ANN401 - a time; templates are not typed
    """A time as people read it, always UTC."""
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M}"


def clock(at: Any) -> str:  # noqa: ANN401 - a time; templates are not typed
    """Its time of the day alone."""
    return f"{at:%H:%M}"
