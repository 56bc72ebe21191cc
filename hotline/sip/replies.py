"""How our responses look: the headers that a user agent puts in by itself (RFC 3261, 8.2.6, 11.2, 12.1.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hotline.sip.body import SDP
from hotline.sip.call_leg import CallLeg
from hotline.sip.config import UserAgentConfig
from hotline.sip.flow import Flow, host_text
from hotline.sip.inspection import HeaderFields, Refusal
from hotline.sip.message import Request, Response, response_to
from hotline.sip.offer import refusal
from hotline.sip.sdp import SessionDescription
from hotline.sip.transaction_layer import Server
from hotline.sip.voice_session import VoiceSession

ALLOW_EVENTS: Final = "refer"
"""Event packages that we notify of (RFC 6665, 8.2.2)."""
WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - named to be replaced


class Replies:
    """Writes the responses of one user agent.

    :param allow: methods that it serves.
    """

    def __init__(self, config: UserAgentConfig, allow: tuple[str, ...]) -> None:
        self._config = config
        self.allow = allow
        self._allow = ("Allow", ", ".join(allow))
        self._supported = ("Supported", ", ".join(config.supported))

    def reply(
        self,
        server: Server,
        status: int,
        headers: HeaderFields = (),
        sdp: bytes = b"",
        *,
        reason: str | None = None,
    ) -> Response:
        """Write a response, with a session description if one is given."""
        response = response_to(server.request, status, reason, to_tag=server.to_tag)
        response.headers.extend(headers)
        response.headers.add("Server", self._config.server)
        if sdp:
            response.headers.add("Content-Type", SDP)
            response.body = sdp
        return response

    def refuse(self, server: Server, refusal: Refusal) -> Response:
        """Write a final error."""
        return self.reply(server, refusal.status, refusal.headers, reason=refusal.reason)

    def refuse_events(self, request: Request, *, in_dialog: bool = False) -> Refusal | None:
        """Refuse subscriptions: we serve none but the one that a REFER makes (RFC 6665, 4.2.1.2).

        A NOTIFY can belong to none, for we subscribe to nothing; a REFER wants a call to act in.
        """
        match request.method:
            case "SUBSCRIBE":
                return Refusal(489, (("Allow-Events", ALLOW_EVENTS),))
            case "NOTIFY":
                return Refusal(481)
            case "REFER" if not in_dialog:
                return Refusal(403)
        return None

    def overloaded(self) -> Refusal:
        """Say that we take no more for now (21.5.4)."""
        return Refusal(503, (("Retry-After", str(self._config.retry_after_s)),))

    def unfit(self, server: Server, offer: SessionDescription, voice: VoiceSession) -> Refusal:
        """Say what in an offer we cannot carry (21.4.26)."""
        agent = f"{self.host(server.flow)}:{server.flow.local[1]}"
        warning = refusal(
            offer,
            local_ip=voice.local_ip,
            agent=agent,
            voice=voice.policy,
            has_keys=voice.new_key is not None,
            reach=voice.reach,
        )
        return Refusal(488, (("Warning", str(warning)),))

    def reliable(self, progress: Response, body: bytes) -> Callable[[int], bytes]:
        """Make a provisional response reliable, once its number is known (RFC 3262, 3).

        :param body: its session description, or nothing.
        """

        def write(number: int) -> bytes:
            headers = progress.headers.copy()
            headers.add("Require", "100rel")
            headers.add("RSeq", str(number))
            if not body:
                headers.remove("Content-Type")
            return Response(progress.status, progress.reason, headers, body).to_bytes()

        return write

    def capabilities(self) -> HeaderFields:
        """List what we can do, as OPTIONS asks (11.2)."""
        return (
            *self.extensions(),
            ("Accept", SDP),
            ("Accept-Encoding", "identity"),
            ("Accept-Language", "zh, en"),
        )

    def contact(self, leg: CallLeg) -> HeaderFields:
        """Name the place where requests inside a dialog reach us, and what we can do (12.1.1, 13.3.1.4)."""
        return (("Contact", self.contact_at(leg.contact_user, leg.flow)), *self.extensions())

    def contact_at(self, user: str, flow: Flow) -> str:
        """Name the place where requests reach us over a flow."""
        transport = "" if flow.transport == "udp" else f";transport={flow.transport}"
        return f"<sip:{user}@{self.host(flow)}:{flow.local[1]}{transport}>"

    def voice_ip(self, local_ip: str, flow: Flow) -> str:
        """Tell the address to write into a session description.

        :param local_ip: of the media port; empty or a wildcard: the one that the peer reaches.
        """
        public_ip = self._config.public_ip or flow.public_ip
        return public_ip or (flow.own_ip if local_ip in WILDCARDS else local_ip)

    def host(self, flow: Flow) -> str:
        """Tell our own address as the peer must write it."""
        return host_text(self._config.public_ip or flow.own_ip)

    def extensions(self, without: str = "") -> HeaderFields:
        """List the methods and extensions that we know.

        :param without: an option tag to keep to ourselves.
        """
        if not without:
            return (self._allow, self._supported)
        supported = [tag for tag in self._config.supported if tag != without]
        return (self._allow, ("Supported", ", ".join(supported)))
