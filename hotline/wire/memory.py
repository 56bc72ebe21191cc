"""When the interpreter looks for garbage.

Whatever ends is freed at once by its reference count; the collector is only there for what refers to
itself. By its own measure it would walk through everything that hundreds of calls have made, most of it
remembered for 32 seconds as SIP wants it, several times a minute, and nobody is answered meanwhile: 200 ms
at a hundred calls a second.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 20_000
"""Objects made and kept, until the newest are looked through: some 2 ms of work."""
MIDDLE: Final = 20
"""Such times until those are looked through that lived a little longer."""
OLD: Final = 100
"""Such times again until everything is: 40 million objects."""


def settle_memory() -> None:
    """Leave what stands after the start out of every later search, and search seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
