"""The codecs of a voice stream as a session description names them: payload type, rtpmap, fmtp.

G.711 and G.722 by their static numbers (RFC 3551, table 4: G.722 counts at 8,000 Hz although it samples
at 16,000), Opus by RFC 7587, key presses by RFC 4733 at the clock rate of the voice beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hotline.sip.sdp import Attributes, Media, RtpMap
from hotline.sip.voice_terms import VoiceTerms

EVENTS: Final = "0-15"  # 0-9, *, #, A-D (RFC 4733, 3.2)
EVENT: Final = "telephone-event"

_MAPS: Final = {
    "PCMA": RtpMap("PCMA", 8000),
    "PCMU": RtpMap("PCMU", 8000),
    "G722": RtpMap("G722", 8000),
    "opus": RtpMap("OPUS", 48000, 2),  # RFC 7587, 7: always 48000 and 2, whatever is sent
}
_STATIC: Final = {"PCMA": "8", "PCMU": "0", "G722": "9"}  # RFC 3551, table 4
_OPUS: Final = "111"
"""In our own offers; any number above 95 would do."""
_EVENTS_AT: Final = {8000: "101", 48000: "110"}
"""In our own offers, by clock rate: what nearly all telephones and browsers write."""
_PAYLOAD_TYPE: Final = re.compile(r"[0-9]|[1-9][0-9]|1[01][0-9]|12[0-7]")  # seven bits (RFC 3550, 5.1)


@dataclass(frozen=True, slots=True)
class Format:
    """One entry of an m= line's format list."""

    name: str
    """One of ``CODECS``, or ``telephone-event``."""
    payload_type: str
    """As written."""
    clock_hz: int


def is_payload_type(text: str) -> bool:
    """Tell whether a format is a number that fits the seven bits of RTP."""
    return _PAYLOAD_TYPE.fullmatch(text) is not None


def find_codec(media: Media, codecs: Iterable[str]) -> Format | None:
    """Find the best codec of ours that a line names, wherever in the list it stands.

    A static number means its codec without an rtpmap, and does not where an rtpmap says otherwise.
    """
    maps = media.rtpmaps()
    for name in codecs:
        wanted, static = _MAPS[name], _STATIC.get(name)
        for payload_type in media.formats:
            if not is_payload_type(payload_type):
                continue
            if _means(maps[payload_type], wanted) if payload_type in maps else payload_type == static:
                return Format(name, payload_type, wanted.rate_hz)
    return None


def find_events(media: Media, clock_hz: int) -> Format | None:
    """Find telephone-event at the voice's clock rate (RFC 4733, 2.5.1.1), else at 8,000 Hz.

    Telephones on libre name it at 8,000 Hz alone, beside Opus as well; without it their keys are lost.
    """
    maps = media.rtpmaps()
    for rate_hz in (clock_hz, 8000):
        wanted = RtpMap(EVENT.upper(), rate_hz)
        for payload_type in media.formats:
            if maps.get(payload_type) == wanted and is_payload_type(payload_type):
                return Format(EVENT, payload_type, rate_hz)
    return None


def formats_to_offer(codecs: Iterable[str], terms: VoiceTerms | None = None) -> list[Format]:
    """List what an offer of ours names: the codecs, then telephone-event at each of their clock rates.

    :param terms: what stands; its dynamic payload types keep their meaning (RFC 3264, 8.3.2).
    """
    names, found, taken = list(codecs), list[Format](), dict[str, str]()
    if terms is not None:
        agreed_hz = _MAPS[terms.codec].rate_hz
        taken[terms.codec] = str(terms.payload_type)
        if terms.event_payload_type is not None:
            events_hz = terms.event_clock_hz or agreed_hz
            taken[f"{EVENT}/{events_hz}"] = str(terms.event_payload_type)
    used = set(taken.values())
    for name in names:
        payload_type = taken.get(name) or _free(_STATIC.get(name, _OPUS), used)
        used.add(payload_type)
        found.append(Format(name, payload_type, _MAPS[name].rate_hz))
    clocks = [fmt.clock_hz for fmt in found]
    if terms is not None and terms.event_clock_hz:
        clocks.append(terms.event_clock_hz)
    for clock_hz in dict.fromkeys(clocks):
        payload_type = taken.get(f"{EVENT}/{clock_hz}") or _free(_EVENTS_AT[clock_hz], used)
        used.add(payload_type)
        found.append(Format(EVENT, payload_type, clock_hz))
    return found


def format_attributes(fmt: Format) -> Attributes:
    """Write the rtpmap and the fmtp of one format."""
    if fmt.name == EVENT:
        return (
            ("rtpmap", f"{fmt.payload_type} {EVENT}/{fmt.clock_hz}"),
            ("fmtp", f"{fmt.payload_type} {EVENTS}"),
        )
    if fmt.name == "opus":
        return (
            ("rtpmap", f"{fmt.payload_type} opus/48000/2"),
            ("fmtp", f"{fmt.payload_type} useinbandfec=1"),
        )
    return (("rtpmap", f"{fmt.payload_type} {fmt.name}/{fmt.clock_hz}"),)


def _means(written: RtpMap | None, wanted: RtpMap) -> bool:
    # Some peers leave the "/2" of Opus out, which changes nothing: RFC 7587 knows no other.
    return written is not None and (
        written == wanted or (wanted.channels == 2 and written == RtpMap(wanted.encoding, wanted.rate_hz))
    )


def _free(payload_type: str, used: set[str]) -> str:
    """Give a payload type that is not in use: the usual one, else the highest dynamic one that is free."""
    if payload_type not in used:
        return payload_type
    return next(text for number in range(127, 95, -1) if (text := str(number)) not in used)
