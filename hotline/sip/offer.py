"""Offer and answer (RFC 3264) for one telephone voice: G.711 and telephone-event.

``choose_answer`` answers an offer, ``make_offer`` and ``read_answer`` serve an INVITE that came
without one. We answer 20 ms packets whatever ptime the offer asks for (ptime is a wish: RFC 8866,
6.4; one exchange asks for 20,000), and take no part in RTCP, ICE, SRTP or preconditions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from hotline.sip.headers import Warning
from hotline.sip.sdp import Connection, Media, Origin, RtpMap, SessionDescription

PCMU: Final = 0  # RFC 3551, table 4
PCMA: Final = 8
PTIME_MS: Final = 20
RATE_HZ: Final = 8000  # RTP clock of G.711 and of the telephone-event that goes with it (RFC 4733, 2.1)
OUR_EVENT_PAYLOAD_TYPE: Final = 101
"""In our own offers: what nearly all telephones write."""
EVENTS: Final = "0-15"  # 0-9, *, #, A-D (RFC 4733, 3.2)

_RtpMaps = dict[str, RtpMap | None]
_ENCODINGS: Final = {str(PCMA): "PCMA", str(PCMU): "PCMU"}
"""In the order in which we like them."""
_PAYLOAD_TYPE: Final = re.compile(r"[0-9]|[1-9][0-9]|1[01][0-9]|12[0-7]")  # seven bits (RFC 3550, 5.1)
_PROTOCOLS: Final = frozenset({"RTP/AVP", "RTP/AVPF"})
_MIRROR: Final = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
# RFC 3264, 8.4 and RFC 2543, B.5: "send me nothing".
_HOLD_ADDRESSES: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What an offer and its answer agreed on, as the media plane wants it."""

    remote_ip: str
    """Numeric address; empty while the other side is on hold by address (``c=0.0.0.0``)."""
    remote_port: int
    payload_type: int
    """0 (PCMU) or 8 (PCMA)."""
    event_payload_type: int | None
    """Payload type of telephone-event/8000; None when the other side did not offer it."""
    sends: bool
    """True when we may send: False while the other side holds us."""
    body: bytes
    """The answer to send; empty when the other side answered us."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """How one m= line fits."""

    remote_ip: str
    held: bool
    payload_type: str
    event_payload_type: str | None


def choose_answer(
    offer: SessionDescription, *, local_ip: str, local_port: int, session_id: int, session_version: int
) -> AnswerPlan | None:
    """Answer an offer: the first audio line that fits, every other one refused with port 0.

    :param session_id: stays the same for the whole dialog; ``session_version`` grows by one with
        every answer that differs (RFC 3264, 8).
    :returns: None when nothing fits; ``refusal`` tells why.
    """
    chosen: tuple[Media, _Fit] | None = None
    lines: list[Media] = []
    for media in offer.media:
        fit = None if chosen else _fit(offer, media, local_ip)
        if fit is None:
            lines.append(Media(media.kind, 0, media.protocol, media.formats))
            continue
        chosen = media, fit
        lines.append(_answer_line(media, fit, offer.direction_of(media), local_port))
    if chosen is None:
        return None
    media, fit = chosen
    body = _describe(local_ip, session_id, session_version, tuple(lines), offer.times).to_bytes()
    return _plan(media, fit, offer.direction_of(media), body)


def refusal(offer: SessionDescription, *, local_ip: str, agent: str) -> Warning:
    """Say why no line of an offer fits, for the Warning header of a 488 (RFC 3261, 20.43).

    :param agent: our host name or address.
    """
    audio = [media for media in offer.media if media.kind == "audio" and media.port]
    if not audio:
        return Warning(304, agent, "Media type not available: audio is needed")
    plain = [media for media in audio if media.protocol.upper() in _PROTOCOLS]
    if not plain:
        return Warning(302, agent, "Incompatible transport protocol: RTP/AVP is needed")
    if all(_codec(media, media.rtpmaps()) is None for media in plain):
        return Warning(305, agent, "Incompatible media format: PCMA or PCMU is needed")
    return Warning(301, agent, f"Incompatible network address formats: {_family(local_ip)} is needed")


def make_offer(*, local_ip: str, local_port: int, session_id: int, session_version: int) -> bytes:
    """Write our own offer: PCMA, PCMU and telephone-event, 20 ms, both directions."""
    event = str(OUR_EVENT_PAYLOAD_TYPE)
    media = Media(
        "audio",
        local_port,
        "RTP/AVP",
        (str(PCMA), str(PCMU), event),
        attributes=(
            ("rtpmap", f"{PCMA} PCMA/{RATE_HZ}"),
            ("rtpmap", f"{PCMU} PCMU/{RATE_HZ}"),
            *_event_attributes(event),
            ("ptime", str(PTIME_MS)),
            ("sendrecv", None),
        ),
    )
    return _describe(local_ip, session_id, session_version, (media,), ("0 0",)).to_bytes()


def read_answer(answer: SessionDescription, *, local_ip: str) -> AnswerPlan | None:
    """Read the answer to ``make_offer``: the other side's first choice counts (RFC 3264, 7).

    :returns: None when it refused the stream, or chose what we did not offer.
    """
    if not answer.media:
        return None
    media = answer.media[0]
    fit = _fit(answer, media, local_ip)
    if fit is None:
        return None
    maps = media.rtpmaps()
    first = next(payload_type for payload_type in media.formats if _is_codec(payload_type, maps))
    fit = _Fit(fit.remote_ip, fit.held, first, fit.event_payload_type)
    return _plan(media, fit, answer.direction_of(media), b"")


def _fit(description: SessionDescription, media: Media, local_ip: str) -> _Fit | None:
    """Tell how a line fits: audio over plain RTP, G.711 among its formats, an address we can send to."""
    if media.kind != "audio" or media.port == 0 or media.protocol.upper() not in _PROTOCOLS:
        return None
    maps = media.rtpmaps()
    codec = _codec(media, maps)
    connection = description.connection_of(media)
    if codec is None or connection is None:
        return None
    address = connection.address.partition("/")[0]
    held = address in _HOLD_ADDRESSES or address.lower().endswith(".invalid")
    if not held and (not _is_unicast(address) or _family(address) != _family(local_ip)):
        return None
    return _Fit("" if held else address, held, codec, _event(media, maps))


def _codec(media: Media, maps: _RtpMaps) -> str | None:
    """Find PCMA wherever it stands, else PCMU: mainland exchanges speak A-law, the other is transcoded."""
    for payload_type in _ENCODINGS:
        if payload_type in media.formats and _is_codec(payload_type, maps):
            return payload_type
    return None


def _is_codec(payload_type: str, maps: _RtpMaps) -> bool:
    """Tell whether 8 or 0 means what RFC 3551 says; it does without an rtpmap as well."""
    encoding = _ENCODINGS.get(payload_type)
    if encoding is None:
        return False
    return payload_type not in maps or maps[payload_type] == RtpMap(encoding, RATE_HZ)


def _event(media: Media, maps: _RtpMaps) -> str | None:
    # Its clock must be the audio's (RFC 4733, 2.5.1.1): offers carry one for 16,000 Hz beside it.
    for payload_type in media.formats:
        if maps.get(payload_type) == RtpMap("TELEPHONE-EVENT", RATE_HZ) and _PAYLOAD_TYPE.fullmatch(
            payload_type
        ):
            return payload_type
    return None


def _plan(media: Media, fit: _Fit, direction: str, body: bytes) -> AnswerPlan:
    return AnswerPlan(
        fit.remote_ip,
        media.port,
        int(fit.payload_type),
        None if fit.event_payload_type is None else int(fit.event_payload_type),
        sends=not fit.held and direction in {"sendrecv", "recvonly"},
        body=body,
    )


def _answer_line(media: Media, fit: _Fit, direction: str, local_port: int) -> Media:
    encoding = _ENCODINGS[fit.payload_type]
    formats = [fit.payload_type]
    attributes: list[tuple[str, str | None]] = [("rtpmap", f"{fit.payload_type} {encoding}/{RATE_HZ}")]
    if fit.event_payload_type is not None:
        formats.append(fit.event_payload_type)
        attributes += _event_attributes(fit.event_payload_type)
    mirrored = _MIRROR[direction]
    if fit.held:
        mirrored = "recvonly" if mirrored in {"sendrecv", "recvonly"} else "inactive"
    attributes += [("ptime", str(PTIME_MS)), (mirrored, None)]
    return Media("audio", local_port, media.protocol, tuple(formats), attributes=tuple(attributes))


def _event_attributes(payload_type: str) -> list[tuple[str, str | None]]:
    return [
        ("rtpmap", f"{payload_type} telephone-event/{RATE_HZ}"),
        ("fmtp", f"{payload_type} {EVENTS}"),
    ]


def _describe(
    local_ip: str, session_id: int, session_version: int, media: tuple[Media, ...], times: tuple[str, ...]
) -> SessionDescription:
    family = _family(local_ip)
    return SessionDescription(
        Origin("-", str(session_id), str(session_version), "IN", family, local_ip),
        connection=Connection("IN", family, local_ip),
        times=times,  # must equal those of the offer (RFC 3264, 6)
        media=media,
    )


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def _is_unicast(address: str) -> bool:
    try:
        return not ip_address(address).is_multicast
    except ValueError:
        return False  # a name: the media plane resolves none, and a call must not wait for DNS
