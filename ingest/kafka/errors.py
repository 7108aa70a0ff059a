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
from dataclasses import dataclass
from typing import Final

from kafka import errors as theirs

from ingest.files import IngestError

_LOGIN = (
    theirs.SaslAuthenticationFailedError,
    theirs.UnsupportedSaslMechanismError,
    theirs.IllegalSaslStateError,
)
_CREDENTIALS = "check user, password and mechanism"
MAKE_IT: Final = "`bearwatch kafka create-topics`"


class BrokerError(IngestError):
    """Kafka did not do what was asked; the message says what to look at."""

    reason = "broker"


class Unreachable(BrokerError):
    """No answer in time."""

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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an exception of kafka-python's means: the kind of ours, and what to look at."""

    kind: type[BrokerError]
    advice: str

    def error(self, doing: str) -> BrokerError:
        """The exception; ``doing`` says at what it happened."""
        return self.kind(f"{doing}: {self.advice}")


def judged(error: Exception) -> Verdict:
    """What ``error`` means.

    Its text is kept only where it cannot hold a secret: it never holds settings.
    """
    if isinstance(error, _LOGIN):
        return Verdict(Forbidden, f"the broker refuses the login ({_name(error)}); {_CREDENTIALS}")
    if (tls := _tls(error)) is not None:
        return Verdict(Forbidden, f"no TLS connection ({tls}); check ca_file, cert_file, security")
    if isinstance(error, theirs.AuthorizationError):
        return Verdict(Forbidden, f"not allowed ({_name(error)}); check the user's rights")
    if isinstance(error, theirs.UnknownTopicOrPartitionError):
        return Verdict(NoTopic, f"no such topic; make it with {MAKE_IT}")
    if isinstance(error, theirs.UnsupportedCodecError):
        return Verdict(Unreadable, f"{error}; install lz4 and zstandard")
    if isinstance(error, theirs.KafkaConnectionError) and "socket disconnected" in str(error):
        # kafka-python drops an answer that comes together with the end of the connection, as
        # that to a wrong password often does.
        return Verdict(
            Unreachable, f"the broker hung up; if it is not just ending, {_CREDENTIALS}, security"
        )
    if isinstance(error, theirs.KafkaError) and error.retriable:
        return Verdict(
            Unreachable,
            f"no answer ({_name(error)}); check the address, that the broker runs, and that it "
            "listens with the same security",
        )
    return Verdict(BrokerError, f"{_name(error)}: {str(error)[:200]}")


def translated(error: Exception, doing: str) -> BrokerError:
    """``error`` of kafka-python as one of ours; ``doing`` says at what it happened."""
    return judged(error).error(doing)


def _tls(error: Exception) -> str | None:
    """Why there is no TLS; kafka-python has the cause in the context of its own error alone."""
    cause = error if isinstance(error, ssl.SSLError) else error.__context__
    if not isinstance(cause, ssl.SSLError):
        return None
    return getattr(cause, "reason", None) or type(cause).__name__


def _name(error: Exception) -> str:
    return type(error).__name__.removesuffix("Error")
