"""Offer and answer (RFC 3264, RFC 8866) for one telephone voice: codec, key presses, direction, keys.

``choose_answer`` answers an offer; ``make_offer`` and ``read_answer`` serve calls of ours, re-INVITEs
of ours and an INVITE that came without an offer. What may be agreed says a ``VoicePolicy``.

We send 20 ms packets whatever ptime or maxptime the other side names (ptime is a wish: RFC 8866,
6.4; one exchange asks for 20,000), share a port with RTCP where the other side asks for it (RFC
5761), and take no part in ICE, DTLS or preconditions.
SRTP keys go in ``a=crypto`` (RFC 4568) under RTP/SAVP and RTP/SAVPF only: there, a peer that does not
know them refuses; ``a=crypto`` under RTP/AVP is in no RFC and is passed over. ``optional`` means that
we take what the other side asks for, and do not ask ourselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hotline.errors import LocalProtocolError, RemoteProtocolError
from hotline.sip.codecs import (
    Format,
    find_codec,
    find_events,
    format_attributes,
    formats_to_offer,
)
from hotline.sip.grammar import parse_number
from hotline.sip.headers import Warning
from hotline.sip.sdes import SUITES, Crypto, usable_cryptos
from hotline.sip.sdp import MAX_PORT, Attributes, Connection, Media, Origin, SessionDescription
from hotline.sip.voice_reach import VoiceReach, is_unicast
from hotline.sip.voice_terms import ANY_VOICE, SrtpKeys, VoicePolicy, VoiceTerms

PTIME_MS: Final = 20

_PLAIN: Final = frozenset({"RTP/AVP", "RTP/AVPF"})
_SECURE: Final = frozenset({"RTP/SAVP", "RTP/SAVPF"})  # RFC 3711, RFC 5124
_DIRECTIONS: Final = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}
"""By (sends, receives)."""
# RFC 3264, 8.4 and RFC 2543, B.5: "send me nothing".
_HOLD_ADDRESSES: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What an offer and its answer agreed on."""

    terms: VoiceTerms
    local: SessionDescription
    """What we said: our answer, or our offer that was answered."""
    index: int
    """Which m= line of both descriptions carries the voice."""

    @property
    def body(self) -> bytes:
        """What we said, as it goes into a message."""
        return self.local.to_bytes()


@dataclass(frozen=True, slots=True)
class _Fit:
    """How one m= line fits."""

    remote_ip: str
    """Empty while the other side is on hold by address."""
    codec: Format
    events: Format | None
    """Its telephone-event."""
    crypto: Crypto | None
    """Theirs; None for plain RTP."""


def choose_answer(
    offer: SessionDescription,
    *,
    local_ip: str,
    local_port: int,
    session_id: int,
    session_version: int,
    voice: VoicePolicy = ANY_VOICE,
    sends: bool = True,
    receives: bool = True,
    new_key: Callable[[], bytes] | None = None,
    previous: AnswerPlan | None = None,
    reach: VoiceReach | None = None,
) -> AnswerPlan | None:
    """Answer an offer: one audio line that fits, every other one refused with port 0.

    :param session_id: stays the same for the whole dialog; ``session_version`` grows by one with
        every answer that differs (RFC 3264, 8).
    :param sends: False: we hold the other side, and want to send nothing; ``receives`` the same way round.
    :param new_key: makes 30 random octets; without it there is no SRTP.
    :param previous: what was agreed before in this dialog, or on paper: its line goes first, and our
        key stays while the other side's does.
    :param reach: which addresses our voice may go to; None: to any that is one machine's.
    :returns: None when nothing fits; ``refusal`` tells why.
    """
    order = list(range(len(offer.media)))
    if previous is not None and previous.index in order:
        order.remove(previous.index)
        order.insert(0, previous.index)
    for index in order:
        fit = _fit(offer, offer.media[index], local_ip, voice, reach, has_keys=new_key is not None)
        if fit is not None:
            break
    else:
        return None
    media = offer.media[index]
    direction = offer.direction_of(media)
    sends = sends and direction in {"sendrecv", "recvonly"} and bool(fit.remote_ip)
    receives = receives and direction in {"sendrecv", "sendonly"}
    srtp = _own_keys(fit.crypto, new_key, previous)
    lines = [Media(line.kind, 0, line.protocol, line.formats) for line in offer.media]
    lines[index] = _answer_line(media, fit, srtp, _DIRECTIONS[sends, receives], local_port)
    local = _describe(local_ip, session_id, session_version, lines, offer.times)
    terms = _terms(media, fit, srtp, reach, sends=sends, receives=receives)
    if media.attribute("rtcp-mux") is not None:
        terms = replace(terms, rtcp_mux=True)
    return AnswerPlan(terms, local, index)


def refusal(
    offer: SessionDescription,
    *,
    local_ip: str,
    agent: str,
    voice: VoicePolicy = ANY_VOICE,
    has_keys: bool = False,
    reach: VoiceReach | None = None,
) -> Warning:
    """Say why no line of an offer fits, for the Warning header of a 488 (RFC 3261, 20.43).

    :param agent: our host name or address.
    :param has_keys: True when ``choose_answer`` had a ``new_key``.
    :param reach: the one that ``choose_answer`` had.
    """
    audio = [media for media in offer.media if media.kind == "audio" and media.port]
    if not audio:
        return Warning(304, agent, "Media type not available: audio is needed")
    takes_srtp = has_keys and voice.security != "never"
    known = [media for media in audio if media.protocol.upper() in _PLAIN | _SECURE]
    if voice.security == "required" and not any(line.protocol.upper() in _SECURE for line in known):
        return Warning(
            302, agent, "Incompatible transport protocol: SRTP is required, RTP/SAVP with a=crypto"
        )
    allowed = [media for media in known if takes_srtp or media.protocol.upper() in _PLAIN]
    if not allowed:
        needed = "RTP/SAVP or RTP/AVP" if takes_srtp else "RTP/AVP"
        return Warning(302, agent, f"Incompatible transport protocol: {needed} is needed")
    if all(_has_no_usable_key(media) for media in allowed):
        return Warning(302, agent, f"Incompatible transport protocol: a=crypto with {SUITES[0]} is needed")
    if all(find_codec(media, voice.codecs) is None for media in allowed):
        names = ", ".join(voice.codecs)
        return Warning(305, agent, f"Incompatible media format: one of {names} is needed")
    if reach is not None and any(_remote_ip(offer, media, local_ip, None) is not None for media in allowed):
        return Warning(301, agent, "Incompatible network address: voice is sent to no such place from here")
    return Warning(301, agent, f"Incompatible network address formats: {_family(local_ip)} is needed")


def make_offer(
    *,
    local_ip: str,
    local_port: int,
    session_id: int,
    session_version: int,
    voice: VoicePolicy = ANY_VOICE,
    sends: bool = True,
    receives: bool = True,
    new_key: Callable[[], bytes] | None = None,
    previous: AnswerPlan | None = None,
) -> bytes:
    """Write our own offer, 20 ms; with SRTP where the policy requires it or the call has it already.

    :param sends: False and ``receives`` False: ``inactive``; True and False: ``sendonly``, a hold with music.
    :param previous: what was agreed before in this dialog: its lines, payload types and key stay
        (RFC 3264, 8).
    :raises LocalProtocolError: when SRTP is required and there is no ``new_key``.
    """
    is_secure = voice.security == "required" or (previous is not None and previous.terms.srtp is not None)
    terms = previous.terms if previous is not None else None
    formats = formats_to_offer(voice.codecs, terms)
    attributes: list[tuple[str, str | None]] = []
    if is_secure:
        attributes += _cryptos_to_offer(new_key, terms)
    for fmt in formats:
        attributes += format_attributes(fmt)
    if terms is not None and terms.rtcp_mux:
        attributes.append(("rtcp-mux", None))
    attributes += [("ptime", str(PTIME_MS)), (_DIRECTIONS[sends, receives], None)]
    protocol = "RTP/SAVP" if is_secure else "RTP/AVP"
    payload_types = tuple(fmt.payload_type for fmt in formats)
    line = Media("audio", local_port, protocol, payload_types, attributes=tuple(attributes))
    if previous is None:
        lines = [line]
    else:
        lines = [Media(old.kind, 0, old.protocol, old.formats) for old in previous.local.media]
        lines[previous.index] = line
    times = ("0 0",) if previous is None else previous.local.times
    return _describe(local_ip, session_id, session_version, lines, times).to_bytes()


def read_answer(
    answer: SessionDescription,
    offer: SessionDescription,
    *,
    local_ip: str,
    voice: VoicePolicy = ANY_VOICE,
    reach: VoiceReach | None = None,
) -> AnswerPlan | None:
    """Read the answer to an offer of ours: the other side's first choice counts (RFC 3264, 7).

    :param offer: ours, as ``parse_sdp`` reads what ``make_offer`` wrote.
    :param reach: which addresses our voice may go to; None: to any that is one machine's.
    :returns: None when it refused the stream, chose what we did not offer, gave no key to SRTP, or
        wants our voice where it may not go.
    """
    index = next((i for i, media in enumerate(offer.media) if media.port), None)
    if index is None or index >= len(answer.media):
        return None
    ours, media = offer.media[index], answer.media[index]
    if media.kind != "audio" or media.port == 0 or not _same_security(media.protocol, ours.protocol):
        return None
    codec = _first_choice(media, ours, voice.codecs)
    remote_ip = _remote_ip(answer, media, local_ip, reach)
    if codec is None or remote_ip is None:
        return None
    crypto = srtp = None
    if ours.protocol.upper() in _SECURE:
        sent = {crypto.tag: crypto for crypto in usable_cryptos(_values(ours, "crypto"))}
        crypto = next(iter(usable_cryptos(_values(media, "crypto"))), None)
        own = sent.get(crypto.tag) if crypto is not None else None
        if crypto is None or own is None or own.suite != crypto.suite:
            return None
        srtp = SrtpKeys(own.suite, own.key, crypto.key)
    fit = _Fit(remote_ip, codec, find_events(media, codec.clock_hz), crypto)
    here, there = offer.direction_of(ours), answer.direction_of(media)
    sends = here in {"sendrecv", "sendonly"} and there in {"sendrecv", "recvonly"} and bool(remote_ip)
    receives = here in {"sendrecv", "recvonly"} and there in {"sendrecv", "sendonly"}
    terms = _terms(media, fit, srtp, reach, sends=sends, receives=receives)
    if all(line.attribute("rtcp-mux") is not None for line in (ours, media)):
        terms = replace(terms, rtcp_mux=True)
    return AnswerPlan(terms, offer, index)


def _fit(
    description: SessionDescription,
    media: Media,
    local_ip: str,
    voice: VoicePolicy,
    reach: VoiceReach | None,
    *,
    has_keys: bool,
) -> _Fit | None:
    """Tell how a line fits: audio, a codec of ours, an address we can send to, and a key where one is due."""
    protocol = media.protocol.upper()
    if media.kind != "audio" or media.port == 0 or protocol not in _PLAIN | _SECURE:
        return None
    crypto = None
    if protocol in _SECURE:
        if voice.security == "never" or not has_keys:
            return None
        crypto = next(iter(usable_cryptos(_values(media, "crypto"))), None)
        if crypto is None:
            return None
    elif voice.security == "required":
        return None
    codec, remote_ip = find_codec(media, voice.codecs), _remote_ip(description, media, local_ip, reach)
    if codec is None or remote_ip is None:
        return None
    return _Fit(remote_ip, codec, find_events(media, codec.clock_hz), crypto)


def _remote_ip(
    description: SessionDescription, media: Media, local_ip: str, reach: VoiceReach | None
) -> str | None:
    """Find where a line wants our voice; empty when it is held by address, None when we cannot send there."""
    connection = description.connection_of(media)
    if connection is None:
        return None
    address = connection.address.partition("/")[0]
    if address in _HOLD_ADDRESSES or address.lower().endswith(".invalid"):
        return ""
    takes = is_unicast if reach is None else reach.takes
    return address if _family(address) == _family(local_ip) and takes(address) else None


def _first_choice(media: Media, ours: Media, codecs: Sequence[str]) -> Format | None:
    """Find the codec that an answer names first, among those that we offered."""
    offered = {found.name for name in codecs if (found := find_codec(ours, (name,))) is not None}
    choices = [choice for name in offered if (choice := find_codec(media, (name,))) is not None]
    return min(choices, key=lambda choice: media.formats.index(choice.payload_type), default=None)


def _same_security(one: str, other: str) -> bool:
    return any(one.upper() in family and other.upper() in family for family in (_PLAIN, _SECURE))


def _rtcp_place(media: Media, fit: _Fit, reach: VoiceReach | None) -> tuple[str, int]:
    """Find where RTCP is wanted (RFC 3605); nowhere else than by default when it is not written so."""
    parts = (media.attribute("rtcp") or "").split()
    try:
        port = parse_number(parts[0], "a=rtcp", limit=MAX_PORT) if parts else 0
    except RemoteProtocolError:
        return "", 0
    if len(parts) < 4 or parts[3] == fit.remote_ip:
        return "", port
    takes = is_unicast if reach is None else reach.takes
    fits = bool(fit.remote_ip) and _family(parts[3]) == _family(fit.remote_ip) and takes(parts[3])
    return (parts[3], port) if fits else ("", 0)


def _terms(
    media: Media,
    fit: _Fit,
    srtp: SrtpKeys | None,
    reach: VoiceReach | None,
    *,
    sends: bool,
    receives: bool,
) -> VoiceTerms:
    rtcp_ip, rtcp_port = _rtcp_place(media, fit, reach)
    return VoiceTerms(
        fit.remote_ip,
        media.port,
        fit.codec.name,
        int(fit.codec.payload_type),
        None if fit.events is None else int(fit.events.payload_type),
        sends,
        receives,
        srtp,
        0 if fit.events is None or fit.events.clock_hz == fit.codec.clock_hz else fit.events.clock_hz,
        rtcp_ip,
        rtcp_port,
    )


def _own_keys(
    theirs: Crypto | None, new_key: Callable[[], bytes] | None, previous: AnswerPlan | None
) -> SrtpKeys | None:
    """Give our key beside theirs: the one before while theirs stays, so that no stream starts anew."""
    if theirs is None or new_key is None:
        return None
    before = previous.terms.srtp if previous is not None else None
    if before is not None and (before.suite, before.receive_key) == (theirs.suite, theirs.key):
        return before
    return SrtpKeys(theirs.suite, new_key(), theirs.key)


def _cryptos_to_offer(new_key: Callable[[], bytes] | None, terms: VoiceTerms | None) -> Attributes:
    if terms is not None and terms.srtp is not None:
        return (("crypto", str(Crypto(1, terms.srtp.suite, terms.srtp.send_key))),)
    if new_key is None:
        raise LocalProtocolError("SRTP is required, but nothing makes keys")
    return tuple(("crypto", str(Crypto(tag, suite, new_key()))) for tag, suite in enumerate(SUITES, 1))


def _has_no_usable_key(media: Media) -> bool:
    return media.protocol.upper() in _SECURE and not usable_cryptos(_values(media, "crypto"))


def _answer_line(media: Media, fit: _Fit, srtp: SrtpKeys | None, direction: str, local_port: int) -> Media:
    formats = [fit.codec]
    if fit.events is not None:
        formats.append(fit.events)
    attributes: list[tuple[str, str | None]] = []
    if srtp is not None and fit.crypto is not None:
        attributes.append(("crypto", str(Crypto(fit.crypto.tag, srtp.suite, srtp.send_key))))
    for fmt in formats:
        attributes += format_attributes(fmt)
    if media.attribute("rtcp-mux") is not None:
        attributes.append(("rtcp-mux", None))
    attributes += [("ptime", str(PTIME_MS)), (direction, None)]
    payload_types = tuple(fmt.payload_type for fmt in formats)
    return Media("audio", local_port, media.protocol, payload_types, attributes=tuple(attributes))


def _values(media: Media, name: str) -> list[str]:
    return [value for key, value in media.attributes if key == name and value is not None]


def _describe(
    local_ip: str, session_id: int, session_version: int, media: Sequence[Media], times: tuple[str, ...]
) -> SessionDescription:
    family = _family(local_ip)
    return SessionDescription(
        Origin("-", str(session_id), str(session_version), "IN", family, local_ip),
        connection=Connection("IN", family, local_ip),
        times=times,  # must equal those of the offer (RFC 3264, 6)
        media=tuple(media),
    )


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"
