"""What a site may set: one TOML file, and ``HOTLINE__SECTION__KEY`` in the environment above it.

Unknown keys are errors with a suggestion; every setting has its meaning and unit beside it.
This module reads what it is given; finding and opening files is the command line's work.
"""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hotline.errors import ConfigError

ENVIRONMENT_PREFIX: Final = "HOTLINE__"
PORTS_OF_A_CALL: Final = 2
"""A caller's voice, and that of whom she is connected with."""
Port = Annotated[int, Field(ge=0, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True
    )


def ip_and_port(value: str) -> tuple[str, int]:
    """Read ``192.0.2.9:9060`` or ``[2001:db8::9]:9060``.

    :raises ValueError: when it is something else.
    """
    host, _, port = value.rpartition(":")
    try:
        ip = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        if not port.isdecimal() or not 0 <= int(port) <= 65535 or (ip.version == 6) != host.startswith("["):
            raise ValueError(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is no address with a port; write it as 192.0.2.9:9060 or [2001:db8::9]:9060"
        ) from None
    return str(ip), int(port)


class SiteSettings(_Section):
    """Who we are."""

    name: str = "东城区 96156 服务热线"
    """Shown in the console and in letters."""
    data_dir: Path = Path("var")
    """Holds database, recordings and models; must be on a local disk."""
    time_zone: str = "Asia/Shanghai"
    """Zone of day boundaries, numbers and displayed times."""
    config_dir: Path = Path("config")
    """Catalogue, organisations, regions and places of the district."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError):  # KeyError: what an unknown zone is
            raise ValueError(f"{value!r} is no time zone known here; write one like Asia/Shanghai") from None
        return value


def _ipv4(value: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(value)
    except ValueError:
        if ":" in value:
            remedy = "name IPv6 addresses in [sip] listen (and public_ip6)"
        else:
            remedy = "write an address as 192.0.2.1; names are not looked up"
        raise ValueError(f"{value!r} is no IPv4 address; {remedy}") from None


def split_listener(text: str) -> tuple[Literal["udp", "tcp", "tls"], str, int]:
    """Read a place to listen at, as ``udp:192.0.2.1:5060`` or ``tls:[::]:5061``.

    :returns: transport, numeric address without brackets, port.
    :raises ValueError: saying how to write it.
    """
    transport, _, place = text.partition(":")
    try:
        ip, port = ip_and_port(place)
    except ValueError:
        transport = ""
    if transport not in {"udp", "tcp", "tls"}:
        raise ValueError(
            f"{text!r} is no place to listen at; write it as udp:192.0.2.1:5060 or tls:[2001:db8::1]:5061"
        )
    if ipaddress.ip_address(ip).is_multicast:
        raise ValueError(f"{ip} is a group's address; name one of this machine, or 0.0.0.0 for all")
    return cast('Literal["udp", "tcp", "tls"]', transport), ip, port


class SipSettings(_Section):
    """The telephone side."""

    listen_ip: str = "0.0.0.0"  # noqa: S104 - a phone system is there to be called
    """IPv4 address that SIP and voice listen on; ``0.0.0.0``: all of this machine."""
    port: Port = 5060
    """Port for UDP and TCP; 0 takes a free one."""
    listen: tuple[str, ...] = ()
    """Places that SIP listens at, in place of the two above, each as ``udp:192.0.2.1:5060``,
    ``tcp:[2001:db8::1]:5060`` or ``tls:0.0.0.0:5061``. ``0.0.0.0`` is all of IPv4 and ``[::]`` all of IPv6,
    each without the other. Empty: UDP and TCP at listen_ip and port."""
    public_ip: str = ""
    """IPv4 address written into Contact and SDP; empty: the one that reaches the caller."""
    public_ip6: str = ""
    """The same for IPv6."""
    tls_certificate: Path | None = None
    """PEM file: our certificate, then the chain above it. Needed to listen with TLS. A file that was
    replaced is read again by itself, and at once on SIGHUP."""
    tls_key: Path | None = None
    """PEM file: the key of the certificate, without a passphrase."""
    tls_ca: Path | None = None
    """PEM file: authorities that certificates of trunks and telephones must come from; None: those that
    the system trusts."""
    tls_client: Literal["never", "optional", "required"] = "never"
    """Whether those who connect to us by TLS must show a certificate of their own (mutual TLS)."""
    numbers: tuple[str, ...] = ("96156", "01096156", "+861096156")
    """Called numbers that the main flow answers; others get 404. A trunk may narrow them (docs/trunks.md)."""
    area_code: str = "10"
    """Area code without the trunk zero, to complete local numbers."""
    max_calls: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Calls at a time, those of telephones counted too; more are answered 503. Each takes two RTP ports once
    it is connected, so that 0 stands for half as many as ``[media]`` has ports."""
    messages_per_second: Annotated[int, Field(ge=50, le=100_000)] = 1000
    """Messages a second that are heard of one address, be it a trunk's or a registered telephone's; half of
    that at once. A call takes some four to six. Raise it for a carrier that sends more than 200 calls a
    second from one address."""

    drain_s: Annotated[float, Field(ge=0, le=86_400)] = 14_400
    """Seconds that running calls may go on after ``hotline drain``. SIGTERM, which a restart by systemd sends
    and lets not wait for long, gives them 30 at most."""

    keep_messages_days: Annotated[int, Field(ge=0, le=3650)] = 7
    """Days that each call's SIP messages are kept for ``hotline call show``; 0: none are."""
    keep_messages_mb: Annotated[int, Field(ge=2, le=1_000_000)] = 512
    """Room for them in the data folder, in MiB; a call takes some 5 KiB. The oldest make room."""
    hep_address: str = ""
    """Capture server (HEP3 over UDP) that gets a copy of each message, ``192.0.2.9:9060``; empty: none."""

    @field_validator("listen_ip")
    @classmethod
    def _listens(cls, value: str) -> str:
        if _ipv4(value).is_multicast:
            raise ValueError(f"{value} is a group's address; name one of this machine, or 0.0.0.0 for all")
        return value

    @field_validator("public_ip")
    @classmethod
    def _is_reached(cls, value: str) -> str:
        if value and (_ipv4(value).is_unspecified or _ipv4(value).is_multicast):
            raise ValueError(f"{value} cannot be called; name the address that callers reach, or none")
        return value

    @field_validator("listen")
    @classmethod
    def _places(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        places = [split_listener(place) for place in value]
        if len(set(places)) < len(places) and all(place[2] for place in places):
            raise ValueError("names one place twice")
        return value

    @field_validator("public_ip6")
    @classmethod
    def _is_reached_by_ipv6(cls, value: str) -> str:
        if value and (":" not in value or ipaddress.IPv6Address(value).is_unspecified):
            raise ValueError(f"{value!r} is no IPv6 address that can be called, as 2001:db8::1")
        return value

    @model_validator(mode="after")
    def _has_certificate(self) -> SipSettings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: name both, or neither")
        if self.tls_certificate is None and any(place.lower().startswith("tls:") for place in self.listen):
            raise ValueError(
                "listen asks for TLS, which needs a certificate: set tls_certificate and tls_key"
            )
        if self.tls_client != "never" and self.tls_certificate is None:
            raise ValueError(
                "tls_client asks others for a certificate without one of ours: set tls_certificate"
            )
        return self

    @field_validator("hep_address")
    @classmethod
    def _captures(cls, value: str) -> str:
        if value:
            ip_and_port(value)
        return value

    @field_validator("numbers")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(value):
            raise ValueError("name at least one number that people dial, for example ['96156']")
        return value


class PhonesSettings(_Section):
    """The house's own telephones, which register with us; `hotline phone` looks after their accounts."""

    realm: str = "hotline"
    """Shown by telephones that ask for a password, and part of every stored secret: after a change each
    account needs a new password."""
    domains: tuple[str, ...] = ()
    """Names and addresses that telephones may register at, as typed into them; a registration for any
    other is dropped in silence, like a scanner's. Empty: all."""
    digest: tuple[Literal["SHA-256", "MD5"], ...] = ("SHA-256", "MD5")
    """Algorithms offered to telephones, best first (RFC 8760). Old ones read the first alone: put MD5 in
    front for them, or leave it out where all telephones know SHA-256."""
    groups: dict[str, tuple[str, ...]] = {}
    """Telephones that ring together, by the name that flows and telephones call them by:
    ``{ night = ["1001", "1002"] }``. The group ``agents`` is all telephones unless it is given here."""
    forwards: Literal["house", "never"] = "house"
    """Where a telephone may send its call by itself (a 3xx: forwarding set up in it): to another telephone or
    group of the ``house``, never to a number outside; or ``never``."""
    shortest_s: Annotated[int, Field(ge=10, le=3600)] = 60
    """Shortest registration; a shorter wish is refused with this."""
    longest_udp_s: Annotated[int, Field(ge=10, le=3600)] = 120
    """Longest registration over UDP. It keeps a NAT open, and after a crash it is the longest that a
    telephone is out of reach."""
    longest_stream_s: Annotated[int, Field(ge=10, le=86_400)] = 300
    """The same over TCP and TLS, where the telephone sees that the connection is gone."""

    @field_validator("realm")
    @classmethod
    def _can_be_quoted(cls, value: str) -> str:
        if not value or not value.isprintable() or '"' in value or "\\" in value or not value.isascii():
            raise ValueError('a realm is a word or a name in ASCII, without " and \\')
        return value

    @field_validator("groups", mode="before")
    @classmethod
    def _as_words(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: users.split() if isinstance(users, str) else users for name, users in value.items()}

    @field_validator("domains")
    @classmethod
    def _in_lower_case(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.strip("[]").lower() for name in value)

    @field_validator("digest")
    @classmethod
    def _one_of_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("name SHA-256, MD5, or both, each once")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> PhonesSettings:
        if min(self.longest_udp_s, self.longest_stream_s) < self.shortest_s:
            raise ValueError(f"shortest_s {self.shortest_s} is above the longest registration")
        return self


class MediaSettings(_Section):
    """Voice."""

    port_low: Port = 16000
    """First RTP port."""
    port_high: Port = 16798
    """Last RTP port. Even numbers are taken: one for a caller, another for whom she is connected with, and
    for a moment one for each telephone that rings."""
    workers: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = 1
    """Processes that carry voice, each with its share of the ports. One serves some 1,500 voices; ``auto`` is
    one for each core but one."""
    calls_per_port: Annotated[int, Field(ge=1, le=64)] = 1
    """How many calls may share an RTP port, told apart by who sends. Where a firewall leaves few ports open;
    some session border controllers look at our port alone and want one for each call."""
    nat_latching: bool = True
    """Accept a call's first packet from another address than its SDP says, once."""
    tones: bool = True
    """Listen for keys in the voice as well, until a call has told one as an RTP event or by INFO."""
    prompts_dir: Path = Path("ivr_flows/prompts")
    """Prompt audio: ``zh/NAME.wav`` and ``en/NAME.wav``, 8 kHz mono."""

    @model_validator(mode="after")
    def _in_order(self) -> MediaSettings:
        if self.port_high < self.port_low + 1:
            raise ValueError(f"port_high {self.port_high} leaves no room above port_low {self.port_low}")
        return self

    @property
    def voices(self) -> int:
        """How many voices at a time the even ports take."""
        ports = range(max(self.port_low + self.port_low % 2, 2), self.port_high + 1, 2)
        return self.calls_per_port * len(ports)


class RecordingsSettings(_Section):
    """What callers said."""

    keep_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """Days that audio is kept after its request came to its end and nothing more happened to it; 0: for
    ever. What is older is deleted at three each night, with an event; transcripts and records stay."""


class SupervisionSettings(_Section):
    """Supervisors who come to talks."""

    tone: bool = True
    """The agent hears a tone when somebody begins to listen to her talk. Where the law, or an agreement with
    the staff, says that they are told, leave it on."""
    shown: bool = True
    """The agent's page shows who supervises her talk."""


class IvrSettings(_Section):
    """The voice menu."""

    flow: Path = Path("ivr_flows/main.toml")
    """Flow that answers the called numbers."""
    flows: dict[str, Path] = {}
    """Flows of single called numbers, ``{ 12345 = "ivr_flows/other.toml" }``; all others get ``flow``."""


class StoreSettings(_Section):
    """The shared store."""

    url: str = ""
    """SQLAlchemy URL; empty: ``hotline.sqlite3`` in the data folder."""


class SpeechSettings(_Section):
    """Recognition."""

    workers: Annotated[int, Field(ge=0, le=64)] = 1
    """Recognition processes; 0: record only, a person listens."""
    model_dir: Path | None = None
    """Folder of a faster-whisper model; None: the packaged Whisper base."""


class ConsoleSettings(_Section):
    """The agents' browsers."""

    listen_ip: str = "127.0.0.1"
    """Address that the console listens on."""
    port: Port = 8080
    """Port of the console; 0 takes a free one."""
    secure_cookies: bool = False
    """True behind an HTTPS proxy; required when listening on other than loopback."""
    base_url: str = ""
    """Address of the console in letters; empty: made from listen_ip and port."""

    @model_validator(mode="after")
    def _not_in_the_open(self) -> ConsoleSettings:
        if not ipaddress.ip_address(self.listen_ip).is_loopback and not self.secure_cookies:
            raise ValueError(
                f"listen_ip {self.listen_ip} is not loopback, so passwords would travel in the clear: put an "
                "HTTPS proxy in front and set secure_cookies = true, or listen on 127.0.0.1"
            )
        return self


class MailSettings(_Section):
    """Letters to streets and departments, handed to the site's own relay."""

    host: str = ""
    """SMTP relay; empty: letters wait in the outbox until one is set."""
    port: Port = 25
    """Port of the relay."""
    security: Literal["none", "starttls", "tls"] = "none"
    """How the connection to the relay is secured."""
    user: str = ""
    """User at the relay; empty: no log-in."""
    password_file: Path | None = None
    """File that holds the relay's password; never put a password in this file."""
    sender: str = "hotline@localhost"
    """Address that letters come from."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 20.0
    """Seconds that each step of a delivery may take."""


class MetricsSettings(_Section):
    """Numbers for Prometheus."""

    listen: str = ""
    """Address that ``/metrics`` is served at, ``127.0.0.1:9156``; empty: nowhere."""

    @field_validator("listen")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value:
            ip_and_port(value)
        return value


class Settings(_Section):
    """Everything a site may set."""

    site: SiteSettings = SiteSettings()
    sip: SipSettings = SipSettings()
    phones: PhonesSettings = PhonesSettings()
    media: MediaSettings = MediaSettings()
    recordings: RecordingsSettings = RecordingsSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    ivr: IvrSettings = IvrSettings()
    store: StoreSettings = StoreSettings()
    speech: SpeechSettings = SpeechSettings()
    console: ConsoleSettings = ConsoleSettings()
    mail: MailSettings = MailSettings()
    metrics: MetricsSettings = MetricsSettings()

    @property
    def max_calls(self) -> int:
        """Calls at a time: what is set, or what the ports are enough for."""
        return self.sip.max_calls or max(1, self.media.voices // PORTS_OF_A_CALL)

    @model_validator(mode="after")
    def _has_ports_enough(self) -> Settings:
        calls, media = self.sip.max_calls, self.media
        wanted = calls * PORTS_OF_A_CALL
        if wanted > media.voices:
            enough = media.port_low + media.port_low % 2 + 2 * wanted - 2
            raise ValueError(
                f"[sip] max_calls = {calls} takes {wanted} RTP ports, two for a call that is connected, and "
                f"[media] port_low = {media.port_low} to port_high = {media.port_high} has {media.voices}: "
                f"set port_high = {enough} or higher, or max_calls = {media.voices // PORTS_OF_A_CALL}"
            )
        return self


def read_settings(text: str, environment: Mapping[str, str], *, file: str) -> Settings:
    """Build the settings from a TOML text and the environment.

    :param file: name of the file for complaints.
    :raises ConfigError: naming the key and the remedy.
    """
    try:
        tree: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is not TOML: {error}", file=file) from error
    from_environment: dict[tuple[str, str], str] = {}
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if not section or not key:
            raise ConfigError(
                f"write it as {ENVIRONMENT_PREFIX}SECTION__KEY", file=f"{name} in the environment"
            )
        table = tree.setdefault(section, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{section!r} is a section: write [{section}] and its keys below it", file=file)
        table[key] = _from_environment(section, key, value)
        from_environment[section, key] = name
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        where = error.errors()[0]["loc"]
        name = from_environment.get((str(where[0]), str(where[1])), "") if len(where) > 1 else ""
        if not name and len(where) == 1:  # a whole section: is it one that only the environment names?
            name = next(
                (n for (s, _), n in from_environment.items() if s == where[0] and f"[{s}]" not in text), ""
            )
        place = f"{name} in the environment" if name else file
        raise ConfigError(_complaint(error, "" if name else text), file=place) from error


def _from_environment(section: str, key: str, value: str) -> object:
    field = Settings.model_fields.get(section)
    annotation = getattr(field.annotation, "model_fields", {}).get(key) if field else None
    if annotation is not None and str(annotation.annotation).startswith("tuple"):
        return [part.strip() for part in value.split(",")]
    if annotation is not None and str(annotation.annotation).startswith("dict"):
        pairs = (part.partition("=") for part in value.split(",") if part.strip())
        return {name.strip(): text.strip() for name, _, text in pairs}
    return value


def explain_settings() -> str:
    """Write the page that lists every setting with its meaning and its default, as Markdown."""
    lines = [
        "# Settings",
        "",
        "One TOML file (`config/hotline.toml`), and above it the environment: `HOTLINE__SECTION__KEY=value`.",
        "There, a list is parted by commas (`HOTLINE__SIP__NUMBERS=96156,01096156`), a table is",
        "`name=value,name=value`.",
        "An unknown key is refused with a suggestion. `hotline config show` prints what is in force.",
    ]
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        lines += ["", f"## [{section}]", "", (model.__doc__ or "").strip()]
        for key, setting in model.model_fields.items():
            default = setting.default
            shown = (
                list(default)
                if isinstance(default, tuple)
                else str(default)
                if isinstance(default, Path)
                else default
            )
            lines += ["", f"### {section}.{key}", "", (setting.description or "").replace("``", "`")]
            lines += ["", f"Default: `{shown!r}`"]
    return "\n".join(lines) + "\n"


def _complaint(error: ValidationError, text: str) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    name = ".".join(where)
    if first["type"] == "value_error" and not where:
        return str(first["ctx"]["error"])
    if first["type"] == "value_error":
        return f"[{where[0]}] {'.'.join(where[1:])}: {first['ctx']['error']}".replace("] :", "]")
    if first["type"] != "extra_forbidden":
        return f"[{where[0]}] {'.'.join(where[1:]) or where[0]}: {first['msg']} (got {first['input']!r})"
    known: list[str] = list(Settings.model_fields)
    if len(where) > 1:
        known = list(getattr(Settings.model_fields[where[0]].annotation, "model_fields", {}))
    close = difflib.get_close_matches(where[-1], known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
    line = next((n for n, row in enumerate(text.splitlines(), 1) if row.strip().startswith(where[-1])), None)
    return f"unknown setting {name!r}{f' in line {line}' if line else ''}{hint}"
