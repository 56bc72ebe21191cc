"""Telephone numbers as exchanges in mainland China write them, reduced to one form each.

A caller's number becomes E.164 (``+861065241234``), or stays as dialled inside (``1001``, ``95588``)
when it is none. A called number is found in the list of our numbers, however the exchange wrote it.
Sources: the national numbering plan (area codes 10, 2x and three digits; mobile 1[3-9] and eleven
digits), RFC 3966 (phone-context), RFC 3325 and 3323 (asserted identity, privacy).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from hotline.errors import RemoteProtocolError
from hotline.sip.grammar import get_param, printable
from hotline.sip.headers import NameAddr, parse_name_addrs, parse_privacy
from hotline.sip.message import Request
from hotline.sip.uri import Uri

COUNTRY: Final = "86"
MAX_E164_DIGITS: Final = 15  # ITU-T E.164, 6.1

DialForm = Literal["local", "national", "e164"]
"""How a carrier wants numbers dialled; see ``dial_string``."""

_SEPARATORS: Final = str.maketrans("", "", " -.()/\u00a0\u2010\u2011\u2012\u2013")
_DIGITS: Final = re.compile(r"\+?[0-9]+")
_MOBILE: Final = r"1[3-9][0-9]{9}"
_IS_MOBILE: Final = re.compile(_MOBILE)
_GEOGRAPHIC: Final = r"(?:10[0-9]{8}|2[0-9]{9}|[3-9][0-9]{2}[0-9]{7,8})"
_FREE: Final = r"[48]00[0-9]{7}"  # paid by the called side, the same from everywhere, without 0
_NATIONAL: Final = re.compile(rf"0?({_MOBILE}|{_FREE})|0({_GEOGRAPHIC})")
_WITHOUT_AREA: Final = re.compile(rf"{_MOBILE}|{_FREE}")
_WITH_COUNTRY: Final = re.compile(rf"{COUNTRY}0?({_MOBILE}|{_GEOGRAPHIC})")
_LOCAL: Final = re.compile(r"[2-9][0-9]{6,7}")
_LOCAL_IN_LARGE_CITY: Final = re.compile(r"[2-9][0-9]{7}")  # area codes 10 and 2x
_LONGEST_SERVICE_CODE: Final = 6  # 110, 12345, 95588, 951234
_ANONYMOUS_USERS: Final = frozenset(
    {"anonymous", "restricted", "unavailable", "unknown", "private", "withheld"}
)
_ANONYMOUS_HOST: Final = "anonymous.invalid"  # RFC 3323, 4.1.1.3
_HIDING: Final = frozenset({"id", "user", "header", "session", "critical"})


class CallerIdentity(NamedTuple):
    """Who calls, as far as it may be believed."""

    number: str
    """E.164 with ``+``, or as dialled inside; empty when unknown."""
    raw: str
    """The URI that it was taken from, fit to log."""
    withheld: bool
    """True when the caller asked not to be shown: the number must not leave the house."""


def normalise_number(text: str, area_code: str) -> str:
    """Reduce a number to E.164, or to bare digits when it is none (extension, service code).

    Knows ``0086...``, ``+86...``, ``86...``, ``+860...``, 0 + area code, mobile with and without 0,
    local numbers, foreign ``00...`` and ``+...``.

    :param area_code: of the hotline, without 0, as ``10``.
    :returns: empty when it holds anything but digits and separators.
    """
    digits = text.translate(_SEPARATORS)
    if not _DIGITS.fullmatch(digits) or not digits.isascii():
        return ""
    is_international = digits.startswith("+")
    digits = digits.lstrip("+")
    if digits.startswith("00"):
        digits, is_international = digits.lstrip("0"), True
    elif digits.startswith("0"):
        is_international = False  # "+010...": no country code begins with 0
    if len(digits) > MAX_E164_DIGITS or not digits.strip("0"):
        return ""
    with_country = _WITH_COUNTRY.fullmatch(digits)
    if with_country:
        return f"+{COUNTRY}{with_country[1]}"
    if is_international:
        return f"+{digits}"
    national = _NATIONAL.fullmatch(digits)
    if national:
        return f"+{COUNTRY}{national[1] or national[2]}"
    local = _LOCAL_IN_LARGE_CITY if area_code.startswith(("10", "2")) else _LOCAL
    if local.fullmatch(digits):
        return f"+{COUNTRY}{area_code}{digits}"
    return digits


def dial_string(number: str, area_code: str, *, form: DialForm = "local", mobile_zero: bool = False) -> str:
    """Write a normalised number as it is dialled in our area, or as one carrier wants it dialled.

    :param area_code: ours, without 0.
    :param form: ``local``: at home without the area code, elsewhere with 0, mobile as eleven digits,
        abroad with 00; ``national``: the same, but at home with 0 and area code too; ``e164``: ``+86...``.
    :param mobile_zero: a mobile number of another area than ours is dialled with 0 on many fixed lines;
        since its area cannot be seen, all of them get it.
    """
    if not number.startswith("+") or form == "e164":
        return number
    if not number.startswith(f"+{COUNTRY}"):
        return f"00{number[1:]}"
    national = number[1 + len(COUNTRY) :]
    if _IS_MOBILE.fullmatch(national):
        return f"0{national}" if mobile_zero else national
    if _WITHOUT_AREA.fullmatch(national) or len(national) <= _LONGEST_SERVICE_CODE:
        return national
    if form == "local" and national.startswith(area_code):
        return national.removeprefix(area_code)
    return f"0{national}"


def find_number(text: str, numbers: Sequence[str], area_code: str) -> str | None:
    """Find a number of a list that a text means, however either is written.

    :returns: the entry of the list, as written there.
    """
    return _forms(tuple(numbers), area_code).get(text.translate(_SEPARATORS).lower())


def called_number(uri: Uri, numbers: Sequence[str], area_code: str) -> str | None:
    """Find the number of ours that a Request-URI means.

    :param numbers: our numbers, in any form (``96156``, ``01065241234``, ``+861065241234``); what is no
        number is compared as a name, without regard to case.
    :returns: the entry of the list, as written there; None when it is no number of ours.
    """
    user = uri.user_decoded
    number, _, rest = user.partition(";")
    context = _context(uri, rest) if rest or uri.scheme == "tel" else None
    digits = number.translate(_SEPARATORS)
    forms = _forms(tuple(numbers), area_code)
    if context and context.startswith("+") and not digits.startswith(("+", "00")):
        # The context is what the number needs in front to be global (RFC 3966, 5.1.5).
        found = forms.get(context.translate(_SEPARATORS) + digits)
        if found is not None:
            return found
        if context.translate(_SEPARATORS) != f"+{COUNTRY}":
            return None
    return forms.get(digits.lower())


def caller_identity(request: Request, area_code: str, *, trusted: bool) -> CallerIdentity:
    """Find who calls: the first usable of P-Asserted-Identity, Remote-Party-ID and From.

    :param trusted: True for a trunk of ours; from anybody else only From is read (RFC 3325, 5).
    """
    candidates = _asserted(request) if trusted else []
    withheld = _asks_for_privacy(request) or any(_hides(candidate) for candidate in candidates)
    sender = request.from_
    withheld = withheld or _is_anonymous(sender.uri)
    candidates.append(sender)
    for candidate in candidates:
        number = _number_of(candidate.uri, area_code)
        if number:
            return CallerIdentity(number, printable(str(candidate.uri)), withheld)
    return CallerIdentity("", printable(str(candidates[0].uri)), withheld)


def _number_of(uri: Uri, area_code: str) -> str:
    if not uri.is_sip and uri.scheme != "tel":
        return ""
    number, _, rest = uri.user_decoded.partition(";")
    context = _context(uri, rest) if rest or uri.scheme == "tel" else None
    if context and context.startswith("+"):
        context = context.translate(_SEPARATORS)
        if context.startswith(f"+{COUNTRY}"):
            area_code = context.removeprefix(f"+{COUNTRY}") or area_code
        elif not number.startswith(("+", "00")):
            number = context + number
    return normalise_number(number, area_code)


def _context(uri: Uri, params: str) -> str | None:
    if uri.scheme == "tel":
        return uri.param("phone-context")
    # "sip:96156;phone-context=+8610@host;user=phone" (RFC 3261, 19.1.6)
    pairs = [part.partition("=") for part in params.split(";")]
    return get_param(tuple((name, value) for name, _, value in pairs), "phone-context")


def _asserted(request: Request) -> list[NameAddr]:
    found: list[NameAddr] = []
    for header in ("P-Asserted-Identity", "Remote-Party-ID"):
        try:
            values = parse_name_addrs(request.headers.get_all(header), header)
        except RemoteProtocolError:
            continue  # the call is worth more than this header; the next source may do
        found += [value for value in values if (value.param("party") or "calling") == "calling"]
    return found


def _asks_for_privacy(request: Request) -> bool:
    try:
        return not _HIDING.isdisjoint(parse_privacy(request.headers.get_all("Privacy")))
    except RemoteProtocolError:
        return True  # somebody asked for something: the careful reading


def _hides(identity: NameAddr) -> bool:
    # Remote-Party-ID says so by itself: privacy=full, uri, name; several joined by "-".
    return (identity.param("privacy") or "off").lower() not in {"off", "none"}


def _is_anonymous(uri: Uri) -> bool:
    return uri.host.lower().endswith(_ANONYMOUS_HOST) or uri.user_decoded.lower() in _ANONYMOUS_USERS


@lru_cache(maxsize=16)
def _forms(numbers: tuple[str, ...], area_code: str) -> dict[str, str]:
    """List every way to write each of our numbers."""
    found: dict[str, str] = {}
    for number in numbers:
        digits = number.translate(_SEPARATORS).lower()
        found.setdefault(digits, number)
        if not _DIGITS.fullmatch(digits):
            continue
        national = _national(digits, area_code)
        if national is None:
            continue
        forms = [national, f"0{national}", f"{COUNTRY}{national}", f"+{COUNTRY}{national}"]
        forms += [f"00{COUNTRY}{national}", f"+{COUNTRY}0{national}"]
        if national.startswith(area_code):
            forms.append(national.removeprefix(area_code))
        for form in forms:
            found.setdefault(form, number)
    return found


def _national(digits: str, area_code: str) -> str | None:
    """Give the national number: area code and local number, without 0; None for a foreign one."""
    for prefix in (f"+{COUNTRY}", f"00{COUNTRY}"):
        if digits.startswith(prefix):
            return digits.removeprefix(prefix).removeprefix("0")
    if digits.startswith(("+", "00")):
        return None
    if digits.startswith("0"):
        return digits[1:]
    if _WITHOUT_AREA.fullmatch(digits):
        return digits
    return area_code + digits
