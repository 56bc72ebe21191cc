"""docs/transports.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from hotline import app
from hotline.settings import read_settings
from hotline.sip import front_door, large_request, message, overload
from hotline.wire import sip_ports, sip_stream

PAGE = (Path(__file__).parents[2] / "docs" / "transports.md").read_text(encoding="utf-8")


def test_the_example_is_taken() -> None:
    example = PAGE.partition("```toml\n")[2].partition("```")[0]
    assert len(read_settings(example, {}, file="x").sip.listen) == 5


def test_the_limits_are_those_of_the_code() -> None:
    for row in (
        f"of a known source | {front_door.KNOWN_PER_S:g} a second, {front_door.KNOWN_BURST} at once |",
        f"| {front_door.STRANGER_PER_S:g} a second, {front_door.STRANGER_BURST} at once;",
        f"| messages of all strangers together | {front_door.STRANGERS_PER_S:g} a second |",
        f"| datagram | {sip_ports.MAX_DATAGRAM_BYTES} octets |",
        f"| headers | {message.MAX_HEADER_BYTES} octets in {message.MAX_HEADER_FIELDS} lines |",
        f"| {message.MAX_MESSAGE_BYTES} octets, complete {sip_stream.MESSAGE_S:g} s after its first octet |",
        f"| TLS handshake | {sip_stream.MESSAGE_S:g} s |",
        f"| connection of ours | open within {sip_stream.CONNECT_S:g} s |",
        f"| connections | {sip_stream.MAX_CONNECTIONS}; {sip_stream.MAX_CONNECTIONS_PER_IP} an address; "
        f"{sip_stream.MAX_STRANGERS} of strangers |",
        f"| {sip_stream.IDLE_S:g} s; of a stranger without a call {sip_stream.STRANGER_S:g} s |",
        f"| queued for a peer that does not read | {sip_stream.MAX_UNSENT_BYTES} octets |",
        f"we wrote to in the last {front_door.ACQUAINTANCE_S / 60:g} minutes",
        f"more than {large_request.LARGEST_DATAGRAM_BYTES} octets",
        f"not asked again for {large_request.NO_TCP_S / 60:g} minutes",
        f"waited {1000 * overload.LONG_S:g} ms",
        f"may finish for {app.DRAIN_S:g} s",
    ):
        assert row in PAGE.replace("\n", " ") or row in PAGE, row
