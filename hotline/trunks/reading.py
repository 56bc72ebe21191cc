"""From the text of ``config/trunks.toml`` to the profiles of the trunks."""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from hotline.errors import ConfigError
from hotline.sip.dialling import ClientSecret
from hotline.sip.numbers import find_number, normalise_number
from hotline.sip.trunk import Network, ProxyAddress, Transport, Trunk, TrunkAccount
from hotline.sip.uri import MAX_PORT, is_ipv6
from hotline.sip.voice_terms import VoicePolicy
from hotline.trunks.keys import HOST, AccountSettings, TrunkSettings, ip_address
from hotline.trunks.trust import is_anybodys

TRUNKS_FILE: Final = "trunks.toml"
"""Name of the file in the site's configuration folder."""
DNS_PORT: Final = 53

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_PROXY: Final = re.compile(r"(?:\[([^\]]+)\]|([^:;\[\]]+))(?::([0-9]{1,5}))?(?:;(\w+))?")


def read_trunks(path: Path, *, area_code: str, numbers: tuple[str, ...] = ()) -> tuple[Trunk, ...]:
    """Read the trunks of a site.

    :param area_code: of the house, for trunks that name none.
    :param numbers: the called numbers of the house, which a trunk may narrow; empty: not checked.
    :raises ConfigError: naming file, trunk, key and remedy.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            "the file of the trunks is missing; without it nobody may call: copy the one that came with "
            "the product, it lets this machine itself call",
            file=str(path),
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the file of the trunks cannot be read: {error}", file=str(path)) from error
    return parse_trunks(text, file=str(path), folder=path.parent, area_code=area_code, numbers=numbers)


def parse_trunks(
    text: str, *, file: str, folder: Path, area_code: str, numbers: tuple[str, ...] = ()
) -> tuple[Trunk, ...]:
    """Make the profiles out of a TOML text; see ``read_trunks``.

    :param folder: where relative names of password files start.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is not TOML: {error}", file=file) from error
    reading = _Reading(file, text, folder, area_code, numbers)
    for key in tree:
        if key != "trunks":
            raise reading.wrong("", key, f"unknown table {key!r}; each trunk is a table [trunks.NAME]")
    tables = tree.get("trunks", {})
    if not isinstance(tables, dict):
        raise reading.wrong("", "trunks", "write each trunk as a table [trunks.NAME]")
    trunks = tuple(reading.trunk(name, table) for name, table in tables.items())
    reading.check_overlaps(trunks)
    return trunks


class _Reading:
    """One pass over one file; knows enough to complain well."""

    def __init__(self, file: str, text: str, folder: Path, area_code: str, numbers: tuple[str, ...]) -> None:
        self._file, self._rows, self._folder = file, text.splitlines(), folder
        self._area_code, self._numbers = area_code, numbers

    def trunk(self, name: str, table: object) -> Trunk:
        if not _NAME.fullmatch(name):
            raise self.wrong(name, "", "a trunk's name has small letters, digits, - and _, at most 32")
        if not isinstance(table, dict):
            raise self.wrong("", name, f"{name!r} is a trunk: write [trunks.{name}] and its keys below it")
        try:
            given = TrunkSettings.model_validate(table)
        except ValidationError as error:
            raise self._complaint(name, error) from error
        area_code = given.area_code or self._area_code
        proxies = tuple(self._guard(name, "proxies", parse_proxy, text) for text in given.proxies)
        networks = tuple(self._guard(name, "networks", _network, text) for text in given.networks)
        if not networks and not proxies:
            raise self.wrong(name, "networks", "name the networks that its calls come from, or its proxies")
        callers = tuple(self._number(name, text, area_code) for text in given.caller_numbers)
        for number in given.numbers:
            if self._numbers and number not in self._numbers:
                raise self.wrong(
                    name,
                    "numbers",
                    f"{number!r} is no number of the house; write it as in [sip] numbers: "
                    f"{', '.join(self._numbers)}",
                )
        accounts = self._accounts(name, given, proxies, callers, area_code)
        if given.srtp == "required" and any(proxy.transport in {"udp", "tcp"} for proxy in proxies):
            raise self.wrong(
                name, "srtp", "the keys of required SRTP would travel in the clear: reach each proxy by ;tls"
            )
        return Trunk(
            name=name,
            mode=given.mode,
            proxies=proxies,
            networks=networks,
            accounts=accounts,
            numbers=given.numbers,
            caller_numbers=callers,
            dns_servers=tuple(self._guard(name, "dns_servers", _server, text) for text in given.dns_servers),
            local_ip=given.local_ip,
            voice=VoicePolicy(given.codecs, given.srtp),
            reliable=given.reliable,
            early_media=given.early_media,
            session_expires_s=given.session_expires_s,
            min_se_s=given.min_se_s,
            refresher=given.refresher,
            trusts_identity=(
                not is_anybodys(networks) if given.trusts_identity is None else given.trusts_identity
            ),
            identity=given.identity,
            area_code=area_code,
            dial_form=given.dial_form,
            mobile_zero=given.mobile_zero,
            may_dial=given.may_dial,
            max_calls=given.max_calls,
            calls_per_second=given.calls_per_second,
            keepalive_s=given.keepalive_s,
            register_expires_s=given.register_expires_s,
            redirects=given.redirects,
        )

    def check_overlaps(self, trunks: tuple[Trunk, ...]) -> None:
        seen: dict[Network, str] = {}
        for trunk in trunks:
            for network in trunk.networks:
                if network in seen:
                    raise self.wrong(
                        trunk.name,
                        "networks",
                        f"{network} is a network of the trunk {seen[network]!r} already; a call from there "
                        "could be of either: name the single addresses",
                    )
                seen[network] = trunk.name

    def wrong(self, trunk: str, key: str, message: str) -> ConfigError:
        where = f"[trunks.{trunk}] {key}: " if trunk and key else f"[trunks.{trunk}] " if trunk else ""
        return ConfigError(f"{where}{message}", file=self._file, line=self._line(trunk, key))

    def _accounts(
        self,
        name: str,
        given: TrunkSettings,
        proxies: tuple[ProxyAddress, ...],
        callers: tuple[str, ...],
        area_code: str,
    ) -> tuple[TrunkAccount, ...]:
        one_of_its_own = AccountSettings.model_construct(
            **{key: getattr(given, key) for key in AccountSettings.model_fields}
        )
        tables = given.accounts or ((one_of_its_own,) if given.user or given.mode == "registered" else ())
        if given.mode == "registered" and not proxies and not given.registrar and not given.domain:
            raise self.wrong(name, "registrar", "a registered trunk needs the domain of its registrar")
        found = []
        for table in tables:
            user = table.user or given.user or (callers[0] if callers else "")
            if not user:
                raise self.wrong(name, "user", "a registered trunk needs the user that it registers")
            registrar = table.registrar or given.registrar or table.domain or given.domain
            registrar = registrar or (proxies[0].host if proxies else "")
            domain = table.domain or given.domain or registrar
            if ":" in domain or ":" in registrar:
                domain, registrar = (
                    f"[{text.strip('[]')}]" if ":" in text else text for text in (domain, registrar)
                )
            contact_user = table.contact_user or given.contact_user or user
            ours = given.numbers or self._numbers
            if given.mode == "registered" and ours and not find_number(contact_user, ours, area_code):
                raise self.wrong(
                    name,
                    "contact_user",
                    f"calls would come to {contact_user!r}, which is no number of ours: write contact_user = "
                    f"{ours[0]!r}, or name it in [sip] numbers",
                )
            password = self._password(name, table, given)
            auth_user = table.auth_user or given.auth_user or user
            found.append(
                TrunkAccount(
                    user=user,
                    domain=domain,
                    registrar=registrar,
                    contact_user=contact_user,
                    secret=ClientSecret(auth_user, password) if password else None,
                    preferred_identity=table.preferred_identity or given.preferred_identity,
                )
            )
        return tuple(found)

    def _password(self, name: str, table: AccountSettings, given: TrunkSettings) -> str:
        source: AccountSettings = table if table.password or table.password_file else given
        if source.password and source.password_file:
            raise self.wrong(name, "password", "there is a password_file as well; keep one of the two")
        if source.password_file is None:
            return source.password
        file = self._folder / source.password_file
        try:
            password = file.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self.wrong(
                name,
                "password_file",
                f"{file} cannot be read: {reason}; put the password there, readable for this user alone",
            ) from error
        if not password:
            raise self.wrong(name, "password_file", f"{file} is empty; put the password there")
        return password

    def _number(self, name: str, text: str, area_code: str) -> str:
        number = normalise_number(text, area_code)
        if not number:
            raise self.wrong(name, "caller_numbers", f"{text!r} is no number; write it as +861065241234")
        if not number.startswith("+"):
            # A short code (96156, 01096156) is another town's without the area code.
            number = f"+86{number[1:] if number.startswith('0') else area_code + number}"
        return number

    def _guard(self, name: str, key: str, read: Any, text: str) -> Any:  # noqa: ANN401 - what read gives
        try:
            return read(text)
        except ValueError as error:
            raise self.wrong(name, key, str(error)) from error

    def _complaint(self, name: str, error: ValidationError) -> ConfigError:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"]]
        key = where[0]
        if first["type"] == "value_error":
            return self.wrong(name, ".".join(where), str(first["ctx"]["error"]))
        if first["type"] != "extra_forbidden":
            return self.wrong(name, ".".join(where), f"{first['msg']} (got {first['input']!r})")
        known = AccountSettings.model_fields if key == "accounts" else TrunkSettings.model_fields
        close = difflib.get_close_matches(where[-1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
        return self.wrong(name, where[-1], f"unknown key; {hint}")

    def _line(self, trunk: str, key: str) -> int | None:
        """Find the line of a key: below the trunk's heading, or the heading itself."""
        start = 0
        if trunk:
            headings = [
                n
                for n, row in enumerate(self._rows, 1)
                if re.match(rf"\s*\[+trunks\.\"?{re.escape(trunk)}\b", row)
            ]
            if not headings:
                return None
            start = headings[0]
        key = key.split(".")[0]
        for number, row in enumerate(self._rows[start:], start + 1):
            if trunk and row.lstrip().startswith("[") and f"trunks.{trunk}" not in row:
                break
            if key and re.match(rf"\s*\[*{re.escape(key)}\b", row):
                return number
        return start or None


def parse_proxy(text: str) -> ProxyAddress:
    """Read ``host[:port][;transport]``.

    :raises ValueError: with the remedy.
    """
    match = _PROXY.fullmatch(text.strip())
    transports: dict[str, Transport] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}
    if match is None:
        remedy = "write host[:port][;udp|tcp|tls], an IPv6 address in brackets"
        raise ValueError(f"{text!r} is no proxy; {remedy}")
    ipv6, name, port_text, transport = match.groups()
    if ipv6 is not None and not is_ipv6(ipv6):
        raise ValueError(f"{ipv6!r} is no IPv6 address")
    if name is not None and not HOST.fullmatch(name):
        raise ValueError(f"{name!r} is no host; write a name or an address, without sip:")
    if name is not None and re.fullmatch(r"[0-9.]+", name):
        ip_address(name)
    if transport is not None and transport.lower() not in transports:
        raise ValueError(f"{transport!r} is no transport; write ;udp, ;tcp or ;tls")
    port = None if port_text is None else int(port_text)
    if port is not None and not 0 < port <= MAX_PORT:
        raise ValueError(f"{port} is no port")
    host = str(ipaddress.ip_address(ipv6)) if ipv6 else (name or "")
    return ProxyAddress(host, port, transports[transport.lower()] if transport else None)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is no network; write it as 10.20.30.0/28 or one address") from None
        raise ValueError(f"{text!r} has bits below its mask: did you mean {meant}?") from error


def _server(text: str) -> tuple[str, int]:
    host, _, port = (
        text.rpartition(":")
        if text.count(":") == 1 or (text.startswith("[") and "]:" in text)
        else (text, "", "")
    )
    if port and not (port.isdigit() and 0 < int(port) <= MAX_PORT):
        raise ValueError(f"{port!r} is no port")
    return ip_address(host.strip("[]")), int(port) if port else DNS_PORT
