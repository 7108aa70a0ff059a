"""What can go wrong with Kafka, in our own words; kafka-python's exceptions end here.

Errors::

    IngestError            of ingest.files; ``reason`` is a closed set, safe as a metric label
    └── BrokerError        Kafka did not do what was asked
        ├── Unreachable    no broker answered in time: worth another try
        ├── Forbidden      it answered, and does not let us: credentials, access rights
        ├── NoTopic        it does not know the topic
        └── Unreadable     what it sent cannot be decoded here
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import errors as theirs

from ingest.files import IngestError

_FORBIDDEN = (
    theirs.AuthorizationError,
    theirs.SaslAuthenticationFailedError,
    theirs.UnsupportedSaslMechanismError,
    theirs.IllegalSaslStateError,
    ssl.SSLError,
)


class BrokerError(IngestError):
    """Kafka did not do what was asked; the message says what to look at."""

    reason = "broker"


class Unreachable(BrokerError):
    """No answer in time. A wrong password or certificate can look like this too."""

    reason = "unreachable"
    retryable = True


class Forbidden(BrokerError):
    """The broker does not let us."""

    reason = "forbidden"


class NoTopic(BrokerError):
    """The topic does not exist."""

    reason = "no_topic"


class Unreadable(BrokerError):
    """A record batch in a form that cannot be decoded here, such as a codec that is missing."""

    reason = "unreadable"


def translated(error: Exception, doing: str) -> BrokerError:
    """``error`` of kafka-python as one of ours; ``doing`` says at what it happened.

    The text of theirs is kept only where it cannot hold a secret: it never holds settings.
    """
    if isinstance(error, _FORBIDDEN):
        return Forbidden(f"{doing}: not allowed ({_name(error)}); check user, password and rights")
    if isinstance(error, theirs.UnknownTopicOrPartitionError):
        return NoTopic(f"{doing}: no such topic; make it with `bearwatch kafka create-topics`")
    if isinstance(error, theirs.UnsupportedCodecError):
        return Unreadable(f"{doing}: {error}; install lz4 and zstandard")
    if isinstance(error, theirs.KafkaError) and error.retriable:
        return Unreachable(
            f"{doing}: no answer ({_name(error)}); check the address, that the broker runs, and "
            "with SASL or SSL also password and certificates"
        )
    return BrokerError(f"{doing}: {_name(error)}: {str(error)[:200]}")


@contextmanager
def seam(doing: str) -> Iterator[None]:
    """Nothing of kafka-python's gets out of this block."""
    try:
        yield
    except (theirs.KafkaError, OSError) as error:
        raise translated(error, doing) from error


def _name(error: Exception) -> str:
    return type(error).__name__.removesuffix("Error")
