"""Whatever a telephone, a gateway and a network do to a stream: every byte lies in its right place.

The model is slow and simple: a stream is a string of bytes, laid down by its timestamps; the next
stream (another SSRC, or the same one whose numbers have jumped) begins where the last one ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_rig import FRAME, Rig, rtp

from hotline.events.ids import CallId
from hotline.media.plan import StopRecording

C1 = CallId("c1")
SILENCE = 0xD5
SAMPLES = (80, 160, 240, 320, 480)  # 10 to 60 ms
WRAPS_SOON = 2**32 - 700  # timestamp units; sequence numbers wrap as well


@dataclass
class Stream:
    """What one sender sends: packets, when each arrives (in ticks), and what is to be heard of it."""

    ssrc: int
    arrivals: list[tuple[int, bytes]] = field(default_factory=list)
    want: bytes = b""
    ends_at: int = 0


def a_stream(chance: np.random.Generator, ssrc: int, begins_at: int, avoid: int | None = None) -> Stream:
    """Make a stream with loss, disorder and doubles; its first and last packets come, and in their turn.

    :param avoid: a timestamp that this one's numbers must be far from (a restart under the same SSRC).
    """
    size, count = int(chance.choice(SAMPLES)), int(chance.integers(4, 30))
    sound = chance.integers(0, 256, size * count, np.uint8)
    stamp = int(chance.integers(2**32)) if chance.random() < 0.5 else WRAPS_SOON
    if avoid is not None:
        stamp = avoid + int(chance.integers(5 * 8000, 2**31 - 10**6))
    number = int(chance.integers(2**16)) if chance.random() < 0.5 else 65_533
    loss, stream = float(chance.choice([0, 0.01, 0.05, 0.2])), Stream(ssrc)
    want = np.full(size * count, SILENCE, np.uint8)
    for k in range(count):
        is_end = k in (0, count - 1)
        if not is_end and chance.random() < loss:
            continue
        piece = slice(k * size, (k + 1) * size)
        want[piece] = sound[piece]
        packet = rtp(number + k, stamp + k * size, sound[piece].tobytes(), ssrc=ssrc)
        due = begins_at + k * size // FRAME + 1
        late = 0 if is_end else int(chance.integers(0, 4))
        stream.arrivals.append((due + late, packet))
        if chance.random() < 0.1 and k < count - 4:
            stream.arrivals.append((due + int(chance.integers(0, 5)), packet))
    stream.ends_at = max(due for due, _ in stream.arrivals)
    stream.want = want.tobytes()
    return stream


def play_out(streams: list[Stream], strangers: list[tuple[int, bytes]] = []) -> bytes:  # noqa: B006
    """Let all arrive; give the recording."""
    rig = Rig()
    rig.open()
    rig.record()
    arrivals = sorted([*(one for s in streams for one in s.arrivals), *strangers], key=lambda one: one[0])
    tick = 0
    while arrivals:
        now = [packet for due, packet in arrivals if due <= tick]
        arrivals = arrivals[len(now) :]
        rig.bring(*now)
        rig.turn()
        tick += 1
    rig.plane.command(StopRecording(C1))
    rig.collect()
    return rig.disk["r"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_other_senders_one_after_the_other_lie_end_to_end(seed: int, count: int) -> None:
    chance, begins_at, streams = np.random.default_rng(seed), 0, []
    for n in range(count):
        stream = a_stream(chance, 100 + n, begins_at)
        streams.append(stream)
        begins_at = stream.ends_at + int(chance.integers(4, 8))  # 80 to 140 ms: the last one has gone
    assert play_out(streams) == b"".join(stream.want for stream in streams)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_sender_who_starts_anew_goes_on_where_he_was(seed: int) -> None:
    """His sequence numbers go on, as RFC 3550 would have it, while his clock is another."""
    chance = np.random.default_rng(seed)
    first = a_stream(chance, 7, 0)
    head = first.arrivals[-1][1]
    number, stamp = int.from_bytes(head[2:4], "big"), int.from_bytes(head[4:8], "big")
    second = a_stream(chance, 7, first.ends_at + 5, avoid=stamp)
    base = int.from_bytes(second.arrivals[0][1][2:4], "big")
    second.arrivals = [
        (
            due,
            p[:2] + (int.from_bytes(p[2:4], "big") - base + number + 40 & 0xFFFF).to_bytes(2, "big") + p[4:],
        )
        for due, p in second.arrivals
    ]
    assert play_out([first, second]) == first.want + second.want


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_stragglers_and_a_second_talker_change_nothing(seed: int) -> None:
    """Doubles that come seconds late, and packets of another SSRC beside a living stream."""
    chance = np.random.default_rng(seed)
    stream = a_stream(chance, 7, 0)
    others: list[tuple[int, bytes]] = []
    for due, packet in stream.arrivals:
        if chance.random() < 0.2:
            others.append((min(stream.ends_at, due + int(chance.integers(20, 200))), packet))
        if chance.random() < 0.2:
            noise = chance.integers(0, 256, FRAME, np.uint8).tobytes()
            others.append((due, rtp(int(chance.integers(2**16)), int(chance.integers(2**32)), noise, ssrc=8)))
    on_time = {due for due, _ in stream.arrivals}
    others = [one for one in others if one[0] in on_time]  # else the first has fallen silent
    assert play_out([stream], others) == stream.want
