from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from pipeline.logs import LONGEST, configure
from pipeline.settings import LogSettings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def log(
    format_: Literal["auto", "console", "json"] = "json",
    level: Literal["debug", "info", "warning", "error"] = "info",
    stream: io.StringIO | None = None,
) -> tuple[Any, io.StringIO]:
    stream = stream or io.StringIO()
    configure(LogSettings(format=format_, level=level), stream)
    return structlog.get_logger(), stream


def line(stream: io.StringIO) -> dict[str, Any]:
    (text,) = stream.getvalue().splitlines()
    event = json.loads(text)
    assert isinstance(event, dict)
    return event


def test_an_event_is_one_json_line_with_level_and_time_in_utc() -> None:
    logger, stream = log()
    logger.info("batch committed", rows=3)
    event = line(stream)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "batch committed", "level": "info", "rows": 3}


def test_auto_is_for_people_on_a_terminal_and_for_machines_elsewhere() -> None:
    logger, terminal = log("auto", stream=Terminal())
    logger.info("hello")
    assert not terminal.getvalue().startswith("{")
    logger, file = log("auto")
    logger.info("hello")
    assert line(file)["event"] == "hello"


def test_a_format_that_is_named_holds_everywhere() -> None:
    logger, terminal = log("json", stream=Terminal())
    logger.info("hello")
    assert line(terminal)["event"] == "hello"
    logger, file = log("console")
    logger.info("hello")
    assert not file.getvalue().startswith("{")


@pytest.mark.parametrize(
    ("level", "written"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)],
)
def test_events_below_the_level_are_dropped(
    level: Literal["debug", "info", "warning", "error"], written: int
) -> None:
    logger, stream = log(level=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("event")
    assert len(stream.getvalue().splitlines()) == written


@pytest.mark.parametrize("format_", ["console", "json"])
def test_no_secret_is_written(format_: Literal["console", "json"]) -> None:
    logger, stream = log(format_)
    logger.info(
        "open x://u:hunter2@h",
        url="x://u:hunter2@h",
        n={"secret": "hunter2"},
    )
    message = "no answer from x://u:hunter2@h"
    try:
        raise ValueError(message)
    except ValueError:
        password = "hunter2"  # noqa: F841, S105 - a local variable a rich traceback would show
        logger.exception("failed")
    logging.getLogger("library").error("no answer from %s", "x://u:hunter2@h", stack_info=True)
    text = stream.getvalue()
    assert text.count("no answer from x://u:***@h") == 2
    assert "hunter2" not in text


def test_a_secret_over_the_end_of_what_is_shown_is_hidden() -> None:
    logger, stream = log()
    logger.info("x" * (LONGEST - 15) + "://user:hunter2" + "y" * 100 + "@host")
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("format_", ["console", "json"])
def test_long_values_are_cut(format_: Literal["console", "json"]) -> None:
    logger, stream = log(format_)
    logger.info("event", raw="y" * 10 * LONGEST)
    assert stream.getvalue().count("y") <= LONGEST + 10


@given(st.text(alphabet=st.characters(codec=None), max_size=50))
def test_a_headline_is_one_line_without_invisible_characters(headline: str) -> None:
    for format_ in ("console", "json"):
        logger, stream = log(format_)
        logger.info(headline, title=headline, inner=[headline])
        (text,) = stream.getvalue().removesuffix("\n").split("\n")
        assert text.splitlines() == [text]
        text.encode("utf-8")
        assert not set(text) & set("\x1b\x00\x9b\u202e\u2066\u200b\ufeff")


def test_control_characters_are_shown_as_their_code() -> None:
    logger, stream = log("console")
    logger.info("news", title="a\x1b[31m\nlevel=error \u202e")
    assert all(code in stream.getvalue() for code in ("\\x1b[31m", "\\nlevel", "\\u202e"))


@pytest.mark.parametrize(
    "code", ["00", "1b", "7f", "9b", "ad", "200b", "200f", "2028", "202e", "2066", "feff"]
)
def test_no_invisible_character_reaches_the_console(code: str) -> None:
    logger, stream = log("console")
    character = chr(int(code, 16))
    logger.info(f"a{character}b", **{f"c{character}d": 1})
    assert character not in stream.getvalue()
    assert f"{code}b" in stream.getvalue()


def test_a_traceback_keeps_its_lines_on_the_console() -> None:
    logger, stream = log("console")
    try:
        raise ValueError("bad\x1b")
    except ValueError:
        logger.exception("failed")
    lines = stream.getvalue().splitlines()
    assert lines[1].startswith("Traceback")
    assert lines[-1] == "ValueError: bad\\x1b"


def test_libraries_are_heard_from_a_warning_on() -> None:
    _, stream = log(level="debug")
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble %d", 1)
    event = line(stream)
    assert (event["event"], event["logger"], event["level"]) == ("trouble 1", "library", "warning")


def test_python_warnings_become_events() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        _, stream = log()
        warnings.warn("old", stacklevel=1)
    assert line(stream)["logger"] == "py.warnings"


def test_configured_twice_writes_once() -> None:
    stream = io.StringIO()
    log(stream=stream)
    logger, _ = log(stream=stream)
    logger.info("own")
    logging.getLogger("library").warning("foreign")
    assert len(stream.getvalue().splitlines()) == 2


def test_an_incident_on_a_terminal_is_its_title_and_evidence_line_by_line() -> None:
    logger, stream = log("console", stream=Terminal())
    logger.warning(
        "incident",
        at="2026-03-12T13:55:00+00:00",
        severity="warn",
        change="opened",
        title="Acme (ACM): spike of negative news",
        lines=["12 negative stories", "Acme halts plants\x1b[2J (wire)"],
    )
    assert stream.getvalue() == (
        "2026-03-12 13:55 WARN     Acme (ACM): spike of negative news (opened)\n"
        "    12 negative stories\n"
        "    Acme halts plants\\x1b[2J (wire)\n"
    )
