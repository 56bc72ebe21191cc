"""When the interpreter looks for garbage, and how long a thread may keep it.

Whatever ends is freed at once by its reference count; the collector is only there for what refers to
itself. By its own measure it would walk through everything that hundreds of calls have made, most of it
remembered for 32 seconds as SIP wants it, several times a minute, and nobody is answered meanwhile: 200 ms
at a hundred calls a second.
"""

from __future__ import annotations

import gc
import sys
from typing import Final

YOUNG: Final = 20_000
"""Objects made and kept, until the newest are looked through: some 2 ms of work."""
MIDDLE: Final = 20
"""Such times until those are looked through that lived a little longer."""
OLD: Final = 100
"""Such times again until everything is: 40 million objects."""
TURN_S: Final = 0.0005
"""How long a thread that computes, as the store's writer does, keeps the loop waiting; 5 ms by default, a
quarter of what an answer may take."""


def settle_memory() -> None:
    """Leave what stands after the start out of every later search, and search seldom; take short turns."""
    sys.setswitchinterval(TURN_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
