"""What kafka-python tells only its log is remembered, and repeated now and then."""

from __future__ import annotations

import logging
import logging.handlers
import ssl
import time
from typing import Any

import pytest
from kafka import errors as theirs

from ingest.kafka.errors import Forbidden, Unreachable, judged
from ingest.kafka.overheard import PASSED_ON_EVERY_S, Overheard, listen, seam


def said(overheard: Overheard, name: str, text: str, *arguments: Any, line: int = 1) -> None:
    record = logging.LogRecord(name, logging.ERROR, "f", line, text, arguments, None)
    overheard.emit(record)


def test_one_place_is_passed_on_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    overheard = Overheard(lambda: now)
    for _ in range(10):
        said(overheard, "kafka.net.manager", "failed: %s", theirs.KafkaConnectionError("111"))
        said(overheard, "kafka.net.manager", "closed", line=2)
        now += PASSED_ON_EVERY_S / 8
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "failed",
        "closed",
        "failed",
        "closed",
    ]


def test_everything_of_kafka_python_goes_through_the_one_listener() -> None:
    begun, passed_on = time.monotonic(), logging.handlers.BufferingHandler(99)
    overheard = listen()
    assert listen() is overheard
    logger = logging.getLogger("kafka.net.manager")
    logging.getLogger().addHandler(passed_on)  # pytest's own would hear the logger as well
    try:
        for _ in range(3):
            logger.error("failed: %s", theirs.SaslAuthenticationFailedError("no"))
    finally:
        logging.getLogger().removeHandler(passed_on)
    assert len(passed_on.buffer) == 1
    verdict = overheard.failure_since(begun)
    assert verdict is not None
    assert verdict.kind is Forbidden
    assert overheard.failure_since(time.monotonic() + 1) is None


def test_timeout_is_told_with_the_failure_behind_it_but_not_with_one_from_before() -> None:
    logger = logging.getLogger("kafka.net.manager")
    listen()
    logger.error("failed: %s", theirs.SaslAuthenticationFailedError("no"))
    with pytest.raises(Unreachable, match="asking: no answer"), seam("asking"):
        raise theirs.KafkaTimeoutError

    def fail() -> None:
        with seam("asking"):
            logger.error("failed: %s", theirs.SaslAuthenticationFailedError("no"))
            raise theirs.KafkaTimeoutError

    with pytest.raises(Forbidden, match="asking: the broker refuses the login"):
        fail()


def test_time_that_is_up_hides_no_reason() -> None:
    overheard = Overheard(lambda: 50.0)
    said(overheard, "kafka.net.manager", "%s", theirs.KafkaTimeoutError())
    assert overheard.failure_since(50.0) is None
    said(overheard, "kafka.net.manager", "%s", theirs.KafkaConnectionError("socket disconnected"))
    said(overheard, "kafka.net.manager", "%s", theirs.KafkaTimeoutError())
    verdict = overheard.failure_since(50.0)
    assert verdict is not None
    assert "password" in verdict.advice


def test_topic_is_missing_for_as_long_as_it_was_said_lately() -> None:
    overheard = Overheard(lambda: 50.0)
    assert not overheard.missing_since("news", 40.0)
    said(overheard, "kafka.cluster", "Topic %s not found in cluster metadata", "news")
    assert overheard.missing_since("news", 50.0)
    assert not overheard.missing_since("news", 50.1)
    assert not overheard.missing_since("other", 40.0)


def test_failed_handshake_is_told_by_its_cause() -> None:
    failed = theirs.KafkaConnectionError("Handshake failed: [SSL: CERTIFICATE_VERIFY_FAILED]")
    assert judged(failed).kind is Unreachable
    failed.__context__ = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    assert judged(failed).kind is Forbidden
    assert "ca_file" in judged(failed).advice
