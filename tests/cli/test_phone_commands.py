"""``hotline phone``: accounts for telephones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli import app
from hotline.errors import HotlineError, Refused
from hotline.sip.digest import Secret


class Site:
    """A site in a folder of its own, and its command line."""

    def __init__(self, folder: Path) -> None:
        self._environment = {"HOTLINE__SITE__DATA_DIR": str(folder)}

    def __call__(self, *words: str, text_in: str = "", **settings: str) -> str:
        """Run a command; an error that it would tell in a sentence is raised."""
        environment = self._environment | {
            f"HOTLINE__{key.upper()}": value for key, value in settings.items()
        }
        done = CliRunner().invoke(app, list(words), input=text_in, env=environment)
        if isinstance(done.exception, HotlineError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    def listed(self, **settings: str) -> Sequence[Sequence[str]]:
        """List the accounts."""
        return [row.split("\t") for row in self("phone", "list", **settings).splitlines()]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_an_account_is_made_with_a_strong_password_shown_once(site: Site) -> None:
    said = site("phone", "add", "1001", "--shown-as", "前台")
    [password] = re.findall(r"^password: (\S+)$", said, re.MULTILINE)
    assert re.fullmatch(r"([a-z2-9]{4}-){4}[a-z2-9]{4}", password)
    assert site.listed() == [["1001", "active", "前台", "-", "optional", "PCMA,PCMU,G722,opus", "-"]]
    assert password not in site("phone", "list")
    assert password not in site("phone", "add", "1002")


def test_a_password_of_ones_own_is_taken_without_being_shown(site: Site) -> None:
    said = site("phone", "add", "1001", "--password-stdin", text_in="correct horse battery\n")
    assert "battery" not in said
    assert Secret.of("1001", "hotline", "correct horse battery").md5 not in said


def test_a_weak_password_is_refused(site: Site) -> None:
    with pytest.raises(Refused, match="at least 10 characters"):
        site("phone", "add", "1001", "--password-stdin", text_in="1001\n")
    assert site.listed() == []


def test_what_a_telephone_may_do_is_kept(site: Site) -> None:
    site(
        "phone", "add", "1001", "--srtp", "required", "--codecs", "g722, PCMA", "--caller-number", "65240000"
    )
    assert site.listed()[0][4:] == ["required", "G722,PCMA", "+861065240000"]


@pytest.mark.parametrize("phone", ["110", "119", "120", "122", "112", "114", "999"])
def test_nobody_takes_the_place_of_an_emergency_number(site: Site, phone: str) -> None:
    with pytest.raises(Refused, match="emergency or service code"):
        site("phone", "add", phone)


def test_nobody_takes_the_place_of_the_hotline(site: Site) -> None:
    with pytest.raises(Refused, match="a number of the house"):
        site("phone", "add", "96156")


@pytest.mark.parametrize(
    "phone", ["1", "12345", "01065240000", "+861065240000", "a b", "a@b", "Li", "_x", "..", ""]
)
def test_an_extension_that_nobody_could_dial_is_refused(site: Site, phone: str) -> None:
    with pytest.raises(Refused, match="an extension is"):
        site("phone", "add", phone)


def test_an_extension_may_be_a_name(site: Site) -> None:
    site("phone", "add", "front-desk.2")
    assert site.listed()[0][0] == "front-desk.2"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["add", "1001", "--codecs", "G729"], "there is no codec 'G729'; known are PCMA, PCMU, G722, opus"),
        (["add", "1001", "--caller-number", "front"], "'front' is no telephone number"),
        (["add", "1001", "--user", "li"], "there is no user li"),
        (["password", "1001"], "there is no phone 1001"),
        (["disable", "1001"], "there is no phone 1001"),
        (["enable", "1001"], "there is no phone 1001"),
        (["remove", "1001"], "there is no phone 1001"),
    ],
)
def test_a_mistake_is_told_with_the_remedy(site: Site, words: list[str], complaint: str) -> None:
    with pytest.raises(Refused, match=re.escape(complaint)):
        site("phone", *words)


def test_an_account_goes_through_its_life(site: Site) -> None:
    first = site("phone", "add", "1001")
    second = site("phone", "password", "1001")
    assert "password: " in second
    assert first.splitlines()[1] != second.splitlines()[1]
    site("phone", "disable", "1001")
    assert site.listed()[0][1] == "disabled"
    site("phone", "enable", "1001")
    assert site.listed()[0][1] == "active"
    site("phone", "remove", "1001")
    assert site.listed() == []


def test_another_realm_is_told(site: Site) -> None:
    site("phone", "add", "1001")
    assert site.listed(phones__realm="elsewhere")[0][1] == "needs a new password"
    site("phone", "password", "1001", phones__realm="elsewhere")
    assert site.listed(phones__realm="elsewhere")[0][1] == "active"
