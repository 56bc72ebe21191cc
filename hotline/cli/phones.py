"""Accounts that the house's own telephones register with: ``hotline phone``."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings, out, run
from hotline.cli.shown import put, table
from hotline.desk.passwords import check_password
from hotline.errors import OutsideError, Refused
from hotline.settings import Settings
from hotline.sip.digest import Secret
from hotline.sip.numbers import called_number, normalise_number
from hotline.sip.phones import Phone
from hotline.sip.uri import Uri
from hotline.sip.voice_terms import CODECS, VoicePolicy

if TYPE_CHECKING:
    from hotline.store.phones import SqlPhones

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True, help="The house's own telephones: accounts to register with.")

BY: Final = "command line"
LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of made passwords: none looks like another on a telephone's small screen."""
GROUPS, GROUP_LENGTH = 5, 4
"""Twenty letters out of 31: 99 bits, which no guessing at a captured answer finds (RFC 7616, 5.10)."""
_EXTENSION: Final = re.compile(r"[0-9]{2,4}|(?=[^a-z]*[a-z])[0-9a-z][0-9a-z._-]{0,31}")
"""Rows of more than four digits are numbers of the outside."""
_PUBLIC_CODE: Final = re.compile(r"1[0-9]{2}|999")
"""Emergency and service codes, 110 first of all: whoever dials them on any telephone must reach them."""

PasswordOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
]


@app.command("add")
def phone_add(
    phone: str,
    shown: Annotated[str, typer.Option("--shown-as", help="Name shown to others.")] = "",
    user: Annotated[str, typer.Option(help="Person whose telephone it is, as in hotline user list.")] = "",
    codecs: Annotated[
        str, typer.Option(help="Codecs it may use, best first, parted by commas; all when empty.")
    ] = "",
    srtp: Annotated[
        Literal["never", "optional", "required"], typer.Option(help="Whether its voice is encrypted.")
    ] = "optional",
    caller_number: Annotated[
        str, typer.Option(help="Number that its calls to the outside show; the trunk's own when empty.")
    ] = "",
    password_stdin: PasswordOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Add an account for a telephone; its password is made, and shown this once."""
    settings = load_settings(config)
    _check_extension(phone, settings)
    password = _password(phone, from_stdin=password_stdin)
    account = Phone(
        phone,
        Secret.of(phone, settings.phones.realm, password),
        shown or phone,
        user,
        VoicePolicy(_codecs(codecs), srtp),
        _caller_number(caller_number, settings),
    )
    _do(settings, lambda store: store.add_phone(account, settings.phones.realm, by=BY))
    out.print(f"phone {phone} may register", markup=False)
    _show(password, made=not password_stdin)


@app.command("list")
def phone_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the accounts: extension, state, name, person, srtp, codecs, caller number; one a line, by tabs."""
    settings = load_settings(config)
    for account in _do(settings, lambda store: store.phones())[0]:
        phone = account.phone
        state = "disabled" if not account.active else "active"
        if account.active and account.realm != settings.phones.realm:
            state = "needs a new password"
        words = (
            phone.user,
            state,
            phone.display_name,
            phone.user_name or "-",
            phone.voice.security,
            ",".join(phone.voice.codecs),
            phone.caller_number or "-",
        )
        sys.stdout.write("\t".join(words) + "\n")


@app.command("password")
def phone_password(
    phone: str, password_stdin: PasswordOption = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Give an account a new password, shown this once; telephones with the old one ring no more."""
    settings = load_settings(config)
    password = _password(phone, from_stdin=password_stdin)
    secret = Secret.of(phone, settings.phones.realm, password)
    _do(settings, lambda store: store.set_phone_secret(phone, settings.phones.realm, secret, by=BY))
    out.print(f"phone {phone} has a new password", markup=False)
    _show(password, made=not password_stdin)


@app.command("disable")
def phone_disable(phone: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let an account neither register nor call from now on; it stays for `hotline phone enable`."""
    settings = load_settings(config)
    _do(settings, lambda store: store.set_phone_active(phone, False, by=BY))
    out.print(f"phone {phone} may not register any more", markup=False)


@app.command("enable")
def phone_enable(phone: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let an account that was disabled register again, with its former password."""
    settings = load_settings(config)
    _do(settings, lambda store: store.set_phone_active(phone, True, by=BY))
    out.print(f"phone {phone} may register", markup=False)


@app.command("remove")
def phone_remove(phone: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Take an account away; its extension may be given to another one. Records of its calls stay."""
    settings = load_settings(config)
    _do(settings, lambda store: store.remove_phone(phone, by=BY))
    out.print(f"phone {phone} is gone", markup=False)


@app.command("registrations")
def phone_registrations(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List where telephones of the running hotline can be reached now; one place a line."""
    settings = load_settings(config)
    from hotline.wire.control_client import ControlClient

    with ControlClient(settings.site.data_dir) as client:
        places = client.ask("registrations")
    rows = [
        (
            place["user"],
            place["source"],
            f"{place['expires_s']} s",
            place["contact"] + "".join(f" over {hop}" for hop in place["path"]),
            place["user_agent"],
        )
        for place in places
    ]
    put(
        table(("phone", "from", "for another", "contact", "what"), rows)
        if rows
        else "no telephone is registered"
    )


@app.command("answer")
def phone_answer(phone: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Have a telephone that rings answer by itself, or take its call off hold, as a key on it would."""
    settings = load_settings(config)
    from hotline.wire.control_client import ControlClient

    with ControlClient(settings.site.data_dir) as client:
        is_told = client.ask("answer_phone", phone=phone)
    if not is_told:
        raise OutsideError(
            f"phone {phone} has no call, or cannot answer by itself (it would list talk in Allow-Events)"
        )
    out.print(f"phone {phone} was told to answer", markup=False)


def _do(settings: Settings, work: Callable[[SqlPhones], Awaitable[T]]) -> T:
    from hotline.app import open_store

    async def opened() -> T:
        async with open_store(settings) as (store, _desk):
            return await work(store)

    return run(opened())


def _check_extension(phone: str, settings: Settings) -> None:
    """Refuse an extension that cannot be dialled, or would hide a number that must be reached.

    :raises Refused: saying what to choose.
    """
    if _PUBLIC_CODE.fullmatch(phone):
        raise Refused(f"{phone} is an emergency or service code; choose another extension", code="input")
    if called_number(Uri("sip", phone, host="x"), settings.sip.numbers, settings.sip.area_code) is not None:
        raise Refused(f"{phone} is a number of the house; choose another extension", code="input")
    if not _EXTENSION.fullmatch(phone):
        raise Refused(
            "an extension is 2 to 4 digits, or a name of small letters, digits and . _ - with at least one "
            f"letter; {phone!r} is not",
            code="input",
        )


def _codecs(text: str) -> tuple[str, ...]:
    by_name = {name.lower(): name for name in CODECS}
    found = tuple(by_name.get(word.strip().lower(), word.strip()) for word in text.split(",") if word.strip())
    for name in found:
        if name not in CODECS:
            raise Refused(f"there is no codec {name!r}; known are {', '.join(CODECS)}", code="input")
    return found or CODECS


def _caller_number(text: str, settings: Settings) -> str:
    if not text:
        return ""
    number = normalise_number(text, settings.sip.area_code)
    if not number.startswith("+"):
        raise Refused(f"{text!r} is no telephone number; write it as +861065240000", code="input")
    return number


def _password(phone: str, *, from_stdin: bool) -> str:
    if not from_stdin:
        groups = ["".join(secrets.choice(LETTERS) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS)]
        return "-".join(groups)
    password = sys.stdin.readline().rstrip("\r\n")
    check_password(password, phone)
    return password


def _show(password: str, *, made: bool) -> None:
    if made:
        out.print(f"password: {password}", markup=False)
        out.print("Type it into the telephone now: it is not kept, and cannot be shown again.", markup=False)
