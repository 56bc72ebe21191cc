"""The keys of ``config/trunks.toml``: what each means, its unit, its default."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hotline.errors import RemoteProtocolError
from hotline.sip.numbers import DialForm
from hotline.sip.trunk import SAFE_CLASSES, IdentityHeader, NumberClass, Redirects, Refresher, TrunkMode
from hotline.sip.uri import is_ipv6, parse_uri
from hotline.sip.voice_terms import Security

HOST: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_-]+)*\.?")
_USER: Final = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%#]+")

User = Annotated[str, Field(max_length=128)]
Codec = Literal["PCMA", "PCMU", "G722", "opus"]


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=False, use_attribute_docstrings=True
    )


def _user(value: str) -> str:
    if value and not _USER.fullmatch(value):
        raise ValueError(f"{value!r} has a character that no user of SIP has; an @ and a domain go elsewhere")
    return value


def _host(value: str) -> str:
    bare = value.strip("[]")
    if value and not is_ipv6(bare) and not HOST.fullmatch(value):
        raise ValueError(f"{value!r} is no domain; write it as ims.example, without sip: and without a port")
    return value


class AccountSettings(_Table):
    """One of several addresses of record of a trunk; what it leaves out is taken from the trunk."""

    user: User
    """User part of From and of the address that is registered, often the number: `+861096156`."""
    domain: str = ""
    """Domain of From and of the address that is registered."""
    registrar: str = ""
    """Domain that REGISTER is sent to, where it differs."""
    auth_user: str = ""
    """User that answers the registrar's challenge."""
    password: str = Field("", repr=False)
    """Its password; better in a file of its own."""
    password_file: Path | None = None
    """File that holds the password, and nothing else."""
    contact_user: User = ""
    """User part of the Contact: what the carrier writes into calls to us, so one of our called numbers."""
    preferred_identity: str = ""
    """URI for P-Preferred-Identity, as `sip:+861096156@ims.example` or `tel:+861096156`."""

    _users = field_validator("user", "contact_user")(_user)
    _hosts = field_validator("domain", "registrar")(_host)

    @field_validator("preferred_identity")
    @classmethod
    def _is_uri(cls, value: str) -> str:
        if value:
            try:
                uri = parse_uri(value)
            except RemoteProtocolError:
                uri = None
            if uri is None or uri.scheme not in {"sip", "sips", "tel"}:
                raise ValueError(f"{value!r} is no SIP or tel URI; write it as sip:+861096156@ims.example")
        return value


class TrunkSettings(AccountSettings):
    """One carrier's line."""

    mode: TrunkMode = "static"
    """`static`: the carrier knows our address; `registered`: we tell its registrar where we are."""
    proxies: tuple[str, ...] = ()
    """Where our requests go, best first: `host[:port][;udp|tcp|tls]`. Without a port it is found by name
    (RFC 3263). None: the trunk only brings calls in."""
    networks: tuple[str, ...] = ()
    """Networks that its calls come from, as `10.20.30.0/28`; the proxies' own addresses always count."""
    local_ip: str = ""
    """Address of ours that its requests leave from; empty: as the machine's routes say."""
    dns_servers: tuple[str, ...] = ()
    """Name servers for this trunk alone, as `10.1.1.53` or `10.1.1.53:5353`; none: the machine's."""
    user: User = ""
    """User part of From and of the address that is registered; empty: the first of `caller_numbers`."""
    register_expires_s: Annotated[int, Field(ge=60, le=86_400)] = 3600
    """How long a registration is asked for."""
    accounts: tuple[AccountSettings, ...] = ()
    """Several addresses of record, as `[[trunks.NAME.accounts]]`; the first one also signs our calls."""
    numbers: tuple[str, ...] = ()
    """Called numbers that it may reach, out of `[sip] numbers`; none: all of them."""
    caller_numbers: tuple[str, ...] = ()
    """Numbers that our calls may show: the carrier checks them against the line's own. The first one is
    shown when nothing else is asked for; without any, no calls go out over this trunk."""
    area_code: str = Field("", pattern="^([1-9][0-9]{0,3})?$")
    """Area code without 0; empty: `[sip] area_code`."""
    dial_form: DialForm = "local"
    """How it wants numbers dialled: `local` 65241234 and 02161234567, `national` 01065241234,
    `e164` +861065241234."""
    mobile_zero: bool = False
    """Mobile numbers are dialled with a 0 before them."""
    may_dial: tuple[NumberClass, ...] = SAFE_CLASSES
    """What may be dialled: `service` (110, 12345, 95588), `local`, `free` (400, 800), `mobile`, `national`,
    `international`."""
    identity: IdentityHeader = "asserted"
    """Header of our calls that names the caller: `asserted` (P-Asserted-Identity), `preferred`
    (P-Preferred-Identity), `remote_party` (Remote-Party-ID) or `none`."""
    trusts_identity: bool | None = None
    """Its P-Asserted-Identity and Remote-Party-ID are believed (RFC 3325). Without the key they are, unless
    its networks hold this machine itself (127.0.0.0/8, ::1) or nearly everybody."""
    codecs: tuple[Codec, ...] = ("PCMA", "PCMU")
    """What it carries, best first."""
    srtp: Security = "never"
    """Encrypted voice: `never`, `optional` or `required`; only sensible with tls."""
    reliable: Literal["never", "supported", "required"] = "supported"
    """Reliable provisional responses (100rel, RFC 3262): `required` refuses who does not know them (421)."""
    early_media: bool = False
    """Free announcements are played before the answer (183)."""
    session_expires_s: Annotated[int, Field(ge=0, le=86_400)] = 1800
    """Session timer of calls, both ways (RFC 4028); 0: none is asked for."""
    min_se_s: Annotated[int, Field(ge=90, le=86_400)] = 90
    """Shortest session timer that our calls may be given (Min-SE)."""
    refresher: Refresher = "either"
    """Who keeps the session timer of our calls running: `us`, `them`, `either`."""
    max_calls: Annotated[int, Field(ge=1, le=10_000)] = 30
    """Calls at a time, both ways together; more are refused with 503."""
    calls_per_second: Annotated[float, Field(gt=0, le=1000)] = 5.0
    """New calls a second, each way; a second's worth may come at once. Carriers cap it."""
    keepalive_s: Annotated[float, Field(ge=0, le=3600)] = 25.0
    """Pause between OPTIONS to each proxy; 0: none are sent, and each call finds out anew who is silent."""
    redirects: Redirects = "refuse"
    """A 3xx to our call: `refuse`, or follow it to `own_proxies` only."""

    @field_validator("local_ip")
    @classmethod
    def _is_numeric(cls, value: str) -> str:
        if value:
            ip_address(value)
        return value

    @field_validator("codecs", "may_dial")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one")
        return value


def ip_address(text: str) -> str:
    """Read a numeric address.

    :raises ValueError: with the remedy.
    """
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is no address; write it as 192.0.2.1 or 2001:db8::1") from None


def explain_trunks() -> str:
    """Write the list of every key of a trunk with its meaning and default, as Markdown."""
    lines = []
    for model, heading in (
        (TrunkSettings, "Keys of `[trunks.NAME]`"),
        (AccountSettings, "Keys of `[[trunks.NAME.accounts]]`"),
    ):
        lines += [f"## {heading}", "", (model.__doc__ or "").strip(), ""]
        for key, field in model.model_fields.items():
            default = list(field.default) if isinstance(field.default, tuple) else field.default
            shown = "needed" if field.is_required() else f"default `{default!r}`"
            meaning = " ".join((field.description or "").split())
            lines.append(f"- `{key}`: {meaning} ({shown})")
        lines.append("")
    return "\n".join(lines)
