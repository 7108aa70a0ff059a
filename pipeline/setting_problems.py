"""Says in words what is wrong with the settings, and what to do; reads nothing itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

# Kubernetes tells every container of services near it, in variables named after the service.
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?$")
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")


def unknown_variables(
    settings: type[BaseSettings], environment: Mapping[str, str]
) -> Iterator[str]:
    """Variables with our prefix that name no group; validation finds wrong names inside one."""
    prefix = _variable(settings, [])
    known = [_variable(settings, names) for names in _names(settings)]
    groups = [_variable(settings, [name]) for name in settings.model_fields]
    inside = tuple(_variable(settings, [name, ""]) for name in settings.model_fields)
    for variable, value in sorted(environment.items()):
        name = variable.upper()
        link = _SERVICE_LINK.search(name) or _LINK_VALUE.match(value)
        if not name.startswith(prefix) or link or not value:
            continue
        if name not in groups and not name.startswith(inside):
            yield f"{variable} in the environment: unknown setting{_meant(name, known)}"


def in_words(
    settings: type[BaseSettings], error: ErrorDetails, origins: Mapping[str, Mapping[str, Any]]
) -> str:
    """One problem found by validation: where, what, and what to do.

    ``origins`` names where values came from, the strongest first; all else is from the file.
    Values are shown only where they cannot be a secret.
    """
    path = [str(part) for part in error["loc"]]
    model: type[BaseModel] = settings
    kind: Any = None
    for part in path:
        if get_origin(kind) is dict:  # groups by a name of the user's choice
            kind = get_args(kind)[1]
        elif get_origin(kind) is tuple and part.isdigit():  # one of several groups
            kind = get_args(kind)[0]
        else:
            field = model.model_fields.get(part)
            kind = field.annotation if field else None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            model = kind
    origin = _origin(path, origins)
    name = _variable(settings, path) if origin == "in the environment" else ".".join(path)
    where = f"{name} {origin}"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown setting{_meant(path[-1], list(model.model_fields))}"
    group = isinstance(kind, type) and issubclass(kind, BaseModel)
    if group and error["type"] != "value_error":  # that is said of a group as a whole
        return f"{where}: is a group; write [{'.'.join(path)}] with its settings below"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    open_value = kind in (int, float) or get_origin(kind) is Literal
    shown = f", got {error['input']!r:.60}" if open_value else ""
    return f"{where}: {message}{shown}"


def _variable(settings: type[BaseSettings], path: Sequence[str]) -> str:
    config = settings.model_config
    return (config["env_prefix"] + (config["env_nested_delimiter"] or "").join(path)).upper()


def _names(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from ((name, *rest) for rest in _names(field.annotation))
        else:
            yield (name,)


def _meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(known))}"


def _origin(path: list[str], origins: Mapping[str, Mapping[str, Any]]) -> str:
    for name, values in origins.items():
        inner: Any = values
        for part in path:
            inner = inner.get(part) if isinstance(inner, Mapping) else None
        if inner is not None:
            return name
    return "in the settings file"
