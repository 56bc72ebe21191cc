"""Many calls at once over bad roads: each recording is exact, each key counts, each loss is told."""

from __future__ import annotations

import random

import pytest
from crowd import Crowd, Road
from voice_rig import FRAME, audio, frame_of, key_event, rtp

from hotline.media.dtmf import KEYS
from hotline.media.plan import Codec, DigitPressed, LegQuality

SILENCE = {Codec.PCMA: b"\xd5", Codec.PCMU: b"\xff"}
FRAMES = 60
LOSSES = [0.0, 0.01, 0.05, 0.20]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("count", [1, 50, 1000])
def test_recordings_of_a_crowd_are_exact_with_silence_where_packets_were_lost(
    count: int, loss: float
) -> None:
    chance = random.Random(f"{count} {loss}")
    crowd, frames = Crowd(count, hears_tones=False), FRAMES if count > 1 else 3000
    crowd.record_all()
    want, lost = [], []
    for n in range(count):
        road, sound = Road(chance, loss), audio(frames, n)
        number, stamp = chance.randrange(2**16), chance.randrange(2**32)  # some wrap around under way
        heard, missing = bytearray(sound), 0
        begins = chance.randrange(10)
        for k in range(frames):
            # the first packet tells where the sound begins, and the last where it ends
            arrivals = road.arrivals(begins + k) if 0 < k < frames - 1 else [begins + k]
            if not arrivals:
                heard[k * FRAME : (k + 1) * FRAME] = SILENCE[crowd.codecs[n]] * FRAME
                missing += 1
            packet = rtp(
                number + k, stamp + k * FRAME, frame_of(sound, k), kind=crowd.codecs[n].value, ssrc=n + 1
            )
            crowd.post(n, packet, arrivals)
        want.append(bytes(heard))
        lost.append(missing)
    crowd.run(chance)
    crowd.close_all()
    wrong = [n for n in range(count) if crowd.rig.disk[f"r{n}"] != want[n]]
    assert not wrong
    assert {str(one.recording_id) for one in crowd.rig.sealed} == {f"r{n}" for n in range(count)}
    told = {one.call_id: one for one in crowd.rig.of(LegQuality) if one.is_final}
    assert [told[crowd.name(n)].expected for n in range(count)] == [frames] * count
    assert [told[crowd.name(n)].lost for n in range(count)] == lost
    if loss and count > 1:
        assert sum(lost) / (count * frames) == pytest.approx(loss, rel=0.35)


def test_all_keys_of_a_crowd_count_once_at_five_percent_loss() -> None:
    """Two hundred callers press twenty keys each: updates, the end three times, and voice between them."""
    chance = random.Random(4733)
    crowd = Crowd(200)
    pressed = []
    for n in range(200):
        road, tick = Road(chance, 0.05), chance.randrange(20)
        number, stamp = chance.randrange(2**16), chance.randrange(2**32)
        text = "".join(chance.choice(KEYS) for _ in range(20))
        pressed.append(text)
        for key in text:
            hold, pause = chance.randrange(2, 10), chance.randrange(4, 9)
            code, begun = KEYS.index(key), stamp
            events = [key_event(code, FRAME * (k + 1)) for k in range(hold)]
            events += [key_event(code, FRAME * (hold + 1), is_end=True)] * 3
            for event in events:
                number += 1
                crowd.post(
                    n,
                    rtp(number, begun, event, kind=101, ssrc=n + 1),
                    road.arrivals(tick, (0, 0, 0, 0, 1, 2)),
                )
                tick += 1
            stamp += FRAME * len(events)
            for _ in range(pause):
                number += 1
                voice = rtp(
                    number,
                    stamp,
                    SILENCE[crowd.codecs[n]] * FRAME,
                    kind=crowd.codecs[n].value,
                    ssrc=n + 1,
                )
                crowd.post(n, voice, road.arrivals(tick, (0, 0, 0, 0, 1, 2)))
                stamp, tick = stamp + FRAME, tick + 1
    crowd.run(chance)
    heard = dict.fromkeys((crowd.name(n) for n in range(200)), "")
    for event in crowd.rig.of(DigitPressed):
        heard[event.call_id] += event.digit
    assert list(heard.values()) == pressed
