"""The password of the dashboard."""

from base64 import b64encode

import pytest
from click.testing import CliRunner

from service.cli import cli
from service.errors import SettingsError
from service.password import MOST_FAILURES, USER, Gate, hashed, is_hash
from service.settings import load_settings

PASSWORD = "correct horse battery"
HASH = hashed(PASSWORD)


def header(password: str, user: str = USER) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_the_password_opens_and_nothing_else_does() -> None:
    gate = Gate(HASH)
    assert gate.opens(header(PASSWORD))
    assert gate.opens(header(PASSWORD))
    for other in (None, "", "Basic", "Basic !!", "Bearer x", header(PASSWORD, "root"), header(PASSWORD + " ")):
        assert not gate.opens(other)


def test_after_a_few_wrong_ones_nobody_new_is_let_in_for_a_minute() -> None:
    now = [0.0]
    gate = Gate(HASH, clock=lambda: now[0])
    for _ in range(MOST_FAILURES):
        assert not gate.opens(header("wrong"))
    assert gate.waits()
    assert not gate.opens(header(PASSWORD))
    now[0] = 61.0
    assert gate.opens(header(PASSWORD))


def test_who_was_let_in_stays_in_while_others_guess() -> None:
    gate = Gate(HASH)
    assert gate.opens(header(PASSWORD))
    for _ in range(MOST_FAILURES + 1):
        gate.opens(header("wrong"))
    assert gate.opens(header(PASSWORD))


def test_the_same_password_has_another_hash_each_time() -> None:
    assert hashed(PASSWORD) != HASH
    assert is_hash(HASH)
    assert PASSWORD not in HASH


@pytest.mark.parametrize("text", ["", PASSWORD, "scrypt$x", "scrypt$AA==$AA==", "bcrypt$AA==$AA=="])
def test_a_setting_that_is_no_hash_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(SettingsError, match="upa-cds dashboard password") as refused:
        load_settings({}, {"UPA_CDS_DASHBOARD_PASSWORD_HASH": text or "x"})
    assert PASSWORD not in str(refused.value)


def test_the_command_prints_the_setting_and_refuses_what_is_too_short() -> None:
    told = CliRunner().invoke(cli, ["dashboard", "password"], input=f"{PASSWORD}\n{PASSWORD}\n")
    line = next(line for line in told.output.splitlines() if line.startswith("dashboard_password_hash"))
    assert Gate(line.split('"')[1]).opens(header(PASSWORD))
    short = CliRunner().invoke(cli, ["dashboard", "password"], input="short\nshort\n")
    assert isinstance(short.exception, SettingsError)
