"""Messages of invented calls, as an onlooker sees them."""

from __future__ import annotations

from hotline.sip.glimpse import SeenMessage

START = 1793613845.1  # 2026-11-02 10:04:05.1 UTC
CARRIER, PHONE, US = ("192.0.2.7", 5060), ("192.0.2.30", 5062), ("10.0.0.1", 5060)
SDP = b"v=0\r\nc=IN IP4 192.0.2.7\r\nm=audio 16000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
HOLD = SDP + b"a=sendonly\r\n"


def seen(
    at: float, data: bytes, *, sent: bool = False, peer: tuple[str, int] = CARRIER, transport: str = "udp"
) -> SeenMessage:
    return SeenMessage(START + at, sent, transport, US, peer, data)


def request(
    method: str, cseq: int, *, call: str = "a@carrier", body: bytes = b"", extra: str = "", to_tag: str = ""
) -> bytes:
    return (
        f"{method} sip:96156@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK{method}{cseq}\r\n"
        f'From: "李" <sip:13800138000@carrier>;tag=1\r\nTo: <sip:96156@house>{to_tag}\r\n'
        f"Call-ID: {call}\r\nCSeq: {cseq} {method}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def response(
    status: int, reason: str, method: str, cseq: int, *, call: str = "a@carrier", body: bytes = b"",
    extra: str = "",
) -> bytes:  # fmt: skip
    return (
        f"SIP/2.0 {status} {reason}\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK{method}{cseq}\r\n"
        f"From: <sip:13800138000@carrier>;tag=1\r\nTo: <sip:96156@house>;tag=2\r\n"
        f"Call-ID: {call}\r\nCSeq: {cseq} {method}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def a_connected_call() -> list[SeenMessage]:
    """A resident's call that goes on to an agent's phone, is held, and ends with a refusal nobody expects."""
    invite = request("INVITE", 1, body=SDP)
    leg = "leg-2@house"
    return [
        seen(0, invite),
        seen(0.001, response(100, "Trying", "INVITE", 1), sent=True),
        seen(0.5, invite),
        seen(0.004, response(200, "OK", "INVITE", 1, body=SDP), sent=True),
        seen(0.02, request("ACK", 1)),
        seen(12.2, request("INVITE", 1, call=leg, body=SDP), sent=True, peer=PHONE),
        seen(
            12.25,
            response(401, "Unauthorized", "INVITE", 1, call=leg, extra="WWW-Authenticate: Digest x\r\n"),
            peer=PHONE,
        ),
        seen(
            12.3,
            response(180, "Ringing", "INVITE", 1, call=leg, extra="Require: 100rel\r\nRSeq: 7\r\n"),
            peer=PHONE,
        ),
        seen(12.4, request("PRACK", 2, call=leg, extra="RAck: 7 1 INVITE\r\n"), sent=True, peer=PHONE),
        seen(14, response(200, "OK", "INVITE", 1, call=leg, body=SDP), peer=PHONE),
        seen(80, request("INVITE", 3, call=leg, body=HOLD, to_tag=";tag=9"), peer=PHONE),
        seen(190, request("BYE", 2, extra='Reason: Q.850;cause=16;text="Normal"\r\n')),
        seen(190.1, response(200, "OK", "BYE", 2), sent=True),
        seen(191, response(503, "服务不可用 Service Unavailable", "BYE", 2, call=leg), sent=True, peer=PHONE),
    ]  # fmt: skip
