"""Settings of the detector changed for one replay: ``name=value``, as on the command line."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from pipeline.settings import InvalidSettings, Settings

GROUPS: Final = ("incidents", "spikes")
"""What may be changed: how counts are judged. Counts themselves stay what they are."""


def with_change(settings: Settings, text: str) -> Settings:
    """The settings with one of the detector's changed: ``incidents.open_score=2.24``.

    Raises:
        InvalidSettings: no such setting, or no such value.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    group, *path = name.split(".")
    if not equals or group not in GROUPS or not path:
        raise InvalidSettings(
            [f"--set {text}: write name=value, the name with incidents. or spikes. in front"]
        )
    found: BaseModel = getattr(settings, group)
    values = found.model_dump()
    _put(values, path, _read(value), text)
    try:
        changed = type(found).model_validate(values)
    except ValidationError as error:
        told = "; ".join(one["msg"] for one in error.errors(include_url=False))
        raise InvalidSettings([f"--set {text}: {told}"]) from None
    return settings.model_copy(update={group: changed})


def _put(values: dict[str, Any], path: list[str], value: object, text: str) -> None:
    for depth, part in enumerate(path):
        if part not in values:
            known = ", ".join(values)
            raise InvalidSettings([f"--set {text}: no setting {part}; there are {known}"])
        if depth == len(path) - 1:
            if isinstance(values[part], dict):
                known = ", ".join(values[part])
                raise InvalidSettings([f"--set {text}: {part} is a group of {known}"])
            values[part] = value
        elif not isinstance(values[part], dict):
            raise InvalidSettings([f"--set {text}: {part} has no settings of its own"])
        else:
            values = values[part]


def _read(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value
