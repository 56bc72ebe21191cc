"""How loud a caller is: told five times a second of her voice, to whoever asked."""

from __future__ import annotations

import numpy as np
import pytest
from voice_rig import FRAME, Rig, rtp

from hotline.events.ids import CallId
from hotline.media.g711 import encode
from hotline.media.levels import to_dbov
from hotline.media.plan import Codec, LevelHeard, WatchLevel

C1 = CallId("c1")


def talk(rig: Rig, amplitude: float, frames: int, first: int = 0) -> None:
    sound = (amplitude * 32767 * np.sin(np.arange(FRAME) * 2 * np.pi * 500 / 8000)).astype(np.int16)
    octets = encode(sound, Codec.PCMA).tobytes()
    for n in range(first, first + frames):
        rig.bring(rtp(n, n * FRAME, octets))
        rig.turn()


@pytest.mark.parametrize(("amplitude", "dbov"), [(1.0, -3.0), (0.1, -23.0), (0.01, -43.0)])
def test_the_level_is_that_of_rfc_6464(amplitude: float, dbov: float) -> None:
    rig = Rig()
    rig.open()
    rig.plane.command(WatchLevel(C1, is_on=True))
    talk(rig, amplitude, 160)
    told = rig.of(LevelHeard)
    assert len(told) == 15
    assert all(abs(event.dbov - dbov) < 0.5 for event in told)


def test_who_did_not_ask_is_told_nothing() -> None:
    rig = Rig()
    rig.open()
    talk(rig, 0.1, 60)
    rig.plane.command(WatchLevel(C1, is_on=True))
    talk(rig, 0.1, 8, 60)
    rig.plane.command(WatchLevel(C1, is_on=False))
    talk(rig, 0.1, 60, 68)
    assert not rig.of(LevelHeard)


def test_the_next_call_in_the_same_place_was_not_asked_about() -> None:
    rig = Rig(ports=1)
    rig.open()
    rig.plane.command(WatchLevel(C1, is_on=True))
    rig.close()
    rig.open("c2")
    talk(rig, 0.1, 120)
    assert not rig.of(LevelHeard)


def test_silence_has_the_lowest_level_that_can_be_written() -> None:
    assert to_dbov(0.0) == -127.0
    assert to_dbov(1e-30) == -127.0
    assert to_dbov(1.0) == 0.0
