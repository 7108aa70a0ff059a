"""What a check found, and running one so that it ends in time whatever it meets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.masking import masked_text

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``mend`` says what to do; empty where nothing needs doing.

    ``warn`` works, but not as well, or not for ever; ``fail`` does not work.
    """

    check: str
    state: State
    said: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A named question to the outside world, and how long its answer may take."""

    name: str
    ask: Callable[[], Sequence[Finding]]
    within_s: float
    slow: str
    """What to do when it takes longer."""


def run(check: Check) -> tuple[Finding, ...]:
    """The check's findings; one more kind of failure is to give none in time, or to break."""
    found: list[Finding] = []
    done = threading.Event()

    def ask() -> None:
        try:
            found.extend(check.ask())
        except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others find
            said = masked_text(f"could not be checked: {type(error).__name__}: {error}")
            found.append(Finding(check.name, "fail", said, "report this: it is a defect"))
        done.set()

    # A daemon: what hangs in a file system or a library must not keep the program from ending.
    threading.Thread(target=ask, name=f"doctor-{check.name}", daemon=True).start()
    if not done.wait(check.within_s):
        said = f"no answer within {check.within_s:.0f} s"
        return (Finding(check.name, "fail", said, check.slow),)
    return tuple(found)
