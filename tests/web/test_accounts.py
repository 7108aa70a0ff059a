"""Who may use the pages is written in the settings, without the secrets themselves."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline import settings
from pipeline.cli import app
from pipeline.web import passwords
from pipeline.web.accounts import AT_ONCE, Accounts, Crowded, Person
from pipeline.web.limits import SLOTS, Brake
from pipeline.web.settings import WebSettings
from tests.web.people import CHEAP, ROLES, password, token, users


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def accounts(*names: str) -> Accounts:
    return Accounts(WebSettings.model_validate({"users": users(*names)}).users)


@pytest.mark.parametrize("kind", ["password", "token"])
def test_new_user_is_known_by_the_lines_that_are_printed(command: CliRunner, kind: str) -> None:
    arguments = ["user", "ann", "--role", "annotator", "--json"]
    made = command.invoke(app, [*arguments, *(["--token"] if kind == "token" else [])])
    given = json.loads(made.stdout)
    secret = given[kind]
    assert secret not in given["settings"]
    Path("bearwatch.toml").write_text(given["settings"], "utf-8")
    found = settings.load()
    known = Accounts(found.web.users)
    ann = Person("ann", "annotator")
    if kind == "token":
        assert known.by_token(f"Bearer {secret}") == ann
        assert known.by_password("ann", secret) is None
    else:
        assert known.by_password("ann", secret) == ann
        assert known.by_token(f"Bearer {secret}") is None
    kept = tomllib.loads(given["settings"])["web"]["users"]["ann"]
    for hidden in (kept.get("password_hash"), kept.get("sha256")):
        assert hidden is None or hidden not in json.dumps(found.masked()) + repr(found)


def test_two_passwords_are_never_the_same_and_are_easily_typed(
    command: CliRunner,
) -> None:
    made = [
        command.invoke(app, ["user", "a", "--role", "viewer"]).stdout.split()[0] for _ in range(2)
    ]
    assert made[0] != made[1]
    assert all(re.fullmatch(r"[\w-]{20}", one) for one in made)


@pytest.mark.parametrize("arguments", [["A b", "--role", "viewer"], ["a", "--role", "chief"]])
def test_user_that_the_settings_would_refuse_is_not_made(
    command: CliRunner, arguments: list[str]
) -> None:
    done = command.invoke(app, ["user", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('role = "viewer"', "password_hash, sha256 or both"),
        ('password_hash = "{hash}"', "role"),
        ('role = "chief"\npassword_hash = "{hash}"', "annotator"),
        ('role = "viewer"\npassword_hash = "secret words"', "no password hash"),
        ('role = "viewer"\npassword_hash = "scrypt:04:8:1:{salt}:{key}"', "a cost"),
        ('role = "viewer"\npassword_hash = "scrypt:14:1:1:{salt}:{key}"', "a cost"),
        ('role = "viewer"\npassword_hash = "scrypt:14:8:0:{salt}:{key}"', "a cost"),
        ('role = "viewer"\npassword_hash = "scrypt:20:8:1:{salt}:{key}"', "a cost"),
        ('role = "viewer"\nsha256 = "abc"', "64 lower-case hex digits"),
        ('role = "viewer"\npassword = "x"', "password"),
        (
            'role = "viewer"\nsha256 = "{key}"\n[web.users.b]\nrole = "admin"\nsha256 = "{key}"',
            "same token",
        ),
        ('role = "viewer"\nsha256 = "{key}"\n[web.users."b c"]\nrole = "admin"', "a-z, 0-9"),
    ],
)
def test_wrong_user_settings_are_told_without_the_secret(
    command: CliRunner, lines: str, said: str
) -> None:
    kept = {"hash": users("ann")["ann"]["password_hash"], "salt": "ab" * 16, "key": "cd" * 32}
    for name, value in kept.items():
        lines = lines.replace(f"{{{name}}}", value)
    if '[web.users."b c"]' in lines:
        lines += f'\nsha256 = "{"ef" * 32}"'
    Path("bearwatch.toml").write_text(f"[web.users.a]\n{lines}\n")
    done = command.invoke(app, ["config"])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    for secret in ("secret words", *kept.values()):
        assert secret not in done.stderr


def test_each_role_includes_the_ones_before_it() -> None:
    order = ["viewer", "annotator", "engineer", "admin"]
    for has, one in enumerate(order):
        person = Person("x", one)  # type: ignore[arg-type] # all of them are roles
        assert [person.may(wanted) for wanted in order] == [n <= has for n in range(4)]  # type: ignore[arg-type]


def test_password_opens_its_own_account_only() -> None:
    known = accounts("ann", "eve")
    assert known.by_password("ann", password("ann")) == Person("ann", ROLES["ann"])
    for name, secret in (
        ("ann", password("eve")),
        ("ann", ""),
        ("ann", password("ann") + "x"),
        ("ann", password("ann")[:-1]),
        ("nobody", password("ann")),
        ("", password("ann")),
        ("ann", token("ann")),
    ):
        assert known.by_password(name, secret) is None


@pytest.mark.parametrize("name", ["ann", "nobody", "tim"])
def test_name_that_is_not_known_costs_a_comparison_too(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made = users("ann", "bob")
    made["tim"] = {"role": "viewer", "sha256": "0" * 64}  # has a token, no password
    known = Accounts(WebSettings.model_validate({"users": made}).users)
    derived: list[Any] = []
    real = hashlib.scrypt

    def counted(*given: Any, **named: Any) -> bytes:
        derived.append(named)
        return real(*given, **named)

    monkeypatch.setattr("pipeline.web.passwords.hashlib.scrypt", counted)
    assert known.by_password(name, "wrong") is None
    assert len(derived) == 1


def test_too_many_log_ins_at_a_time_are_told_to_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.web.accounts.WAIT_S", 0.01)
    known = accounts("ann")
    for _ in range(AT_ONCE):
        known._room.acquire()
    with pytest.raises(Crowded):
        known.by_password("ann", password("ann"))
    known._room.release()
    for _ in range(2):  # what was taken is given back
        assert known.by_password("ann", "wrong") is None
    assert known.by_password("ann", password("ann")) is not None


def test_every_token_is_compared_whatever_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(known: bytes, given: bytes) -> bool:
        compared.append(known)
        return known == given

    monkeypatch.setattr("pipeline.web.accounts.hmac.compare_digest", compare)
    known = accounts("ann", "bob", "eve")
    assert known.by_token(f"Bearer {token('ann')}") == Person("ann", "annotator")
    assert len(compared) == 3
    assert known.by_token("Bearer unknown") is None
    assert known.by_token(None) is None


def test_password_hash_is_read_as_it_was_written_and_has_a_salt_of_its_own() -> None:
    one, other = passwords.hashed("p\u00e4ss", CHEAP), passwords.hashed("p\u00e4ss", CHEAP)
    assert one != other
    assert passwords.parse(str(one)) == one
    assert one.matches("p\u00e4ss")
    assert not one.matches("pass")
    assert not passwords.hashed("", CHEAP).matches("")
    long = "x" * (passwords.MOST_CHARS + 1)
    assert not passwords.hashed(long, CHEAP).matches(long)


def test_brake_slows_one_name_and_no_other_within_a_fixed_memory() -> None:
    now = 0.0
    brake = Brake(0.5, 3, lambda: now)
    assert [brake.take("ann") for _ in range(4)] == [0, 0, 0, 2]
    now = 2.0
    assert [brake.take("ann"), brake.take("ann")] == [0, 2]
    brake.give_back("ann")
    assert brake.take("ann") == 0
    free = sum(brake.take(f"name {n}") == 0 for n in range(100))
    assert free > 90  # but for the few that share a bucket
    for n in range(5 * SLOTS):
        brake.take(f"flood {n}")
    assert brake.take("ann") > 0  # a flood of names makes nobody forget
    assert len(brake._buckets) == SLOTS
