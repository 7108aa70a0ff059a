from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.masking import masked, masked_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://bear:hunter2@db/x", "postgresql://bear:***@db/x"),
        (
            "postgresql+psycopg://bear:hun@ter/2?@db:5432/x",
            "postgresql+psycopg://bear:***@db:5432/x",
        ),
        ("postgresql://:hunter2@/x", "postgresql://:***@/x"),
        ("postgresql://bear@db/x?password=hunter2&a=1", "postgresql://bear@db/x?password=***&a=1"),
        ("redis://db?sslpassword=hunter2", "redis://db?sslpassword=***"),
        ("see https://hunter2@example.org/a", "see https://***@example.org/a"),
        ("a://u:hunter2@h and b://u:hunter2@h", "a://u:***@h and b://u:***@h"),
        ("Authorization: Bearer hunter2hunter2", "Authorization: *** ***"),
        ("sent Bearer hunter2hunter2 to it", "sent Bearer *** to it"),
        ('{"password": "hunter2", "n": 1}', '{"password": "***", "n": 1}'),
        ("push_token=hunter2, next", "push_token=***, next"),
        ("api-key: hunter2", "api-key: ***"),
    ],
)
def test_secrets_within_text_are_hidden(text: str, shown: str) -> None:
    assert masked_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///var/bearwatch.db",
        "https://example.org:8080/a?b=c#d",
        "padded_tokens=8192 of 9000",
        "the tokenizer: fast",
        "Bank: secrets of the trade",
        "09:30 a@b.example",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert masked_text(text) == text


@pytest.mark.parametrize(
    "name", ["password", "db_passwd", "DB_PASSWORD", "push_token", "client_secret", "api_key"]
)
@pytest.mark.parametrize("value", ["hunter2", b"hunter2", ["hunter2"], {"x": "hunter2"}])
def test_a_value_under_the_name_of_a_secret_is_hidden_whole(name: str, value: object) -> None:
    assert masked(name, value) == "***"


def test_secrets_are_found_at_any_depth() -> None:
    value = {"a": [{"password": "hunter2"}, ("x://u:hunter2@h", b"x://u:hunter2@h")]}
    assert masked("event", value) == {"a": [{"password": "***"}, ["x://u:***@h", "x://u:***@h"]]}


def test_numbers_of_tokens_are_numbers() -> None:
    assert masked("padded_tokens", 8192) == 8192
    assert masked("token_share", 0.5) == 0.5
    assert masked("password", None) is None


class Odd:
    def __str__(self) -> str:
        return "x://u:hunter2@h"


def test_any_other_value_is_shown_as_masked_text() -> None:
    assert masked("url", Odd()) == "x://u:***@h"


@given(st.text(min_size=1).filter(lambda text: not any(c.isspace() for c in text)))
def test_no_password_of_a_url_is_left(password: str) -> None:
    assert masked_text(f"to x://u:{password}@host/db now") == "to x://u:***@host/db now"
