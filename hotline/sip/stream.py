"""Messages out of a byte stream (RFC 3261, 18.3; keep-alives of RFC 5626, 3.5.1)."""

from __future__ import annotations

from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.message import (
    MAX_HEADER_BYTES,
    MAX_MESSAGE_BYTES,
    Head,
    MalformedRequest,
    Request,
    Response,
    open_head,
)

_PING: Final = b"\r\n\r\n"


class FramingError(RemoteProtocolError):
    """Nobody can tell where the next message of the stream begins: send what is owed, then close.

    :param messages: what came whole before the fault. The last one may be a MalformedRequest: the
        message that broke the stream, to be answered before the connection is closed.
    """

    def __init__(self, message: str, messages: list[Request | Response | MalformedRequest]) -> None:
        super().__init__(message)
        self.messages = messages


class StreamParser:
    """Cut a TCP or TLS stream into messages.

    Content-Length is required (RFC 3261, 18.3). A message with a fault in it comes out as
    MalformedRequest if it can be answered, and is dropped if not (a response); the stream goes on.
    """

    def __init__(
        self, max_header_bytes: int = MAX_HEADER_BYTES, max_message_bytes: int = MAX_MESSAGE_BYTES
    ) -> None:
        self._max_header_bytes = min(max_header_bytes, MAX_HEADER_BYTES)
        self._max_message_bytes = max_message_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._head: Head | None = None
        self._body_bytes = 0
        self._pings = 0
        self._broken: str | None = None

    @property
    def is_idle(self) -> bool:
        """True between two messages: no read timeout should run."""
        return self._head is None and _PING.startswith(self._buffer)

    def take_pings(self) -> int:
        """Tell how many CRLF CRLF keep-alives came since last asked; each wants one CRLF back."""
        pings, self._pings = self._pings, 0
        return pings

    def feed(self, data: bytes) -> list[Request | Response | MalformedRequest]:
        """Take octets in, give the messages that are whole by now.

        :raises FramingError: when the stream can no longer be cut: no readable Content-Length, too
            large a message, no SIP. It carries the messages before it. Every later call raises it again.
        """
        if self._broken is not None:
            raise FramingError(self._broken, [])
        self._buffer += data
        found: list[Request | Response | MalformedRequest] = []
        try:
            while self._step(found):
                pass
        except MalformedRequest as error:
            self._break(str(error), [*found, error])
        except RemoteProtocolError as error:
            self._break(str(error), found)
        return found

    def _break(self, message: str, found: list[Request | Response | MalformedRequest]) -> None:
        self._broken = message
        self._buffer.clear()
        raise FramingError(message, found) from None

    def _step(self, found: list[Request | Response | MalformedRequest]) -> bool:
        if self._head is None and not self._read_head():
            return False
        head = self._head
        assert head is not None
        if len(self._buffer) < self._body_bytes:
            return False
        body = bytes(self._buffer[: self._body_bytes])
        del self._buffer[: self._body_bytes]
        self._head = None
        try:
            found.append(head.finish(body))
        except MalformedRequest as error:
            found.append(error)
        except RemoteProtocolError:
            return True  # a faulty response: there is nobody to tell (RFC 3261, 8.1.3.1)
        return True

    def _read_head(self) -> bool:
        self._skip_pings()
        end = self._buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            if len(self._buffer) > self._max_header_bytes:
                # Splitting what came gives the 513 that the sender can understand.
                open_head(bytes(self._buffer)).refuse("headers too large", 513)
            self._searched = max(0, len(self._buffer) - 3)
            return False
        head = open_head(bytes(self._buffer[:end]))
        if end > self._max_header_bytes:
            head.refuse("headers too large", 513)
        length = head.length()
        if length is None:
            head.refuse("no Content-Length on a stream (RFC 3261, 18.3)")
        if end + 4 + length > self._max_message_bytes:
            head.refuse(f"message of {end + 4 + length} octets", 513)
        del self._buffer[: end + 4]
        self._searched = 0
        self._head, self._body_bytes = head, length
        return True

    def _skip_pings(self) -> None:
        # Two CRLFs between messages are a ping, a single one is noise that RFC 3261, 7.5 lets pass.
        # What may yet become a ping stays.
        while self._buffer.startswith(b"\r\n"):
            if self._buffer.startswith(_PING):
                self._pings += 1
                del self._buffer[: len(_PING)]
            elif _PING.startswith(self._buffer):
                return
            else:
                del self._buffer[:2]
            self._searched = 0
