"""Logging: one line per event to a stream, readable on a terminal, JSON elsewhere.

Only entry points call ``configure``. All other code calls ``structlog.get_logger()``.
"""

from __future__ import annotations

import logging
import re
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from pipeline.masking import masked
from pipeline.settings import LogSettings

# Longest text of a value. Masking is not linear in it, and nobody reads more.
LONGEST = 8_000

# Control, bidirectional and other invisible characters, and what a terminal or a log reader
# takes for a new line: a headline must not be able to write lines of its own.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_TRACEBACKS = frozenset({"exception", "stack"})


def configure(settings: LogSettings, stream: TextIO) -> None:
    """Send this program's events, and warnings of libraries, to ``stream``."""
    console = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    prepare: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # Made text here: the renderer's own tracebacks show local variables, so secrets too.
        structlog.processors.format_exc_info,
    ]
    write = [_mask, *(_console(stream) if console else [structlog.processors.JSONRenderer()])]
    structlog.configure(
        processors=[*prepare, *write],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *prepare],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *write],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))  # libraries are chatty below a warning
    logging.captureWarnings(capture=True)


def _console(stream: TextIO) -> list[Processor]:
    renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty())

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        if event.get("event") == "incident":
            return _incident(event)
        return renderer(logger, method, event)

    return [_escape, render]


def _incident(event: EventDict) -> str:
    """An incident as a person reads it: when, how grave, what, and its evidence below."""
    at = f"{event.get('at', '')}"[:16].replace("T", " ")
    head = f"{at} {str(event.get('severity', '')).upper():8} {event.get('title', '')}"
    return "\n    ".join(
        [f"{head} ({event.get('change', '')})", *map(str, event.get("lines", ()))]
    )


def _mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        # Cut twice: what is hidden may reach over the end of what is shown.
        short = value[: 2 * LONGEST] if isinstance(value, str | bytes) else value
        shown = masked(name, short)
        event[name] = shown[:LONGEST] if isinstance(shown, str) else shown
    return event


def _escape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {
        str(_escaped(name)): _escaped(value, lines=name in _TRACEBACKS)
        for name, value in event.items()
    }


def _escaped(value: object, *, lines: bool = False) -> object:
    if isinstance(value, str):
        return _INVISIBLE.sub(lambda m: m[0] if lines and m[0] == "\n" else _code(m[0]), value)
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    if isinstance(value, dict):
        return {str(_escaped(key)): _escaped(inner) for key, inner in value.items()}
    return value


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
