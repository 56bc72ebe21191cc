"""The ring against a dictionary."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.media.ring import BLOCK, RING, Rings
from hotline.media.rtp import FRAME

SILENT = 0xD5


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_order_of_writes_and_takes_reads_like_a_dictionary(data: st.DataObject) -> None:
    rings, slots = Rings(3), 3
    models: list[dict[int, int]] = [{} for _ in range(slots)]
    flushed = [0] * slots
    for slot in range(slots):
        rings.clear(slot, SILENT)
    for step in range(data.draw(st.integers(1, 25))):
        length = data.draw(st.sampled_from([FRAME, 80, 240, 480, 37]))
        where = data.draw(
            st.lists(st.tuples(st.integers(0, slots - 1), st.integers(0, RING - length)), max_size=4)
        )
        rows = np.full((len(where), length), step, np.uint8) + np.arange(length, dtype=np.uint8) % 50
        positions = [flushed[slot] + ahead for slot, ahead in where]
        if length == 37:
            for (slot, _), position, row in zip(where, positions, rows, strict=True):
                rings.put_one(slot, position, row.tobytes())
        elif where:
            rings.put(np.array([slot for slot, _ in where]), np.array(positions), rows)
        for (slot, _), position, row in zip(where, positions, rows, strict=True):
            models[slot].update(zip(range(position, position + length), row.tolist(), strict=True))
        takers = sorted(data.draw(st.sets(st.integers(0, slots - 1))))
        if takers:
            starts = np.array([flushed[slot] for slot in takers])
            blocks = rings.take_blocks(np.array(takers), starts, np.full(len(takers), SILENT, np.uint8))
            for slot, block in zip(takers, blocks, strict=True):
                want = [models[slot].pop(n, SILENT) for n in range(flushed[slot], flushed[slot] + BLOCK)]
                assert block.tolist() == want
                flushed[slot] += BLOCK
    for slot in range(slots):
        want = [models[slot].get(n, SILENT) for n in range(flushed[slot], flushed[slot] + RING)]
        assert rings.copy(slot, flushed[slot], flushed[slot] + RING).tolist() == want
        frame = rings.frames(np.array([slot]), np.array([flushed[slot] + 7 * FRAME]))
        assert frame[0].tolist() == want[7 * FRAME : 8 * FRAME]


def test_mapping_changes_one_slot_only() -> None:
    rings = Rings(2)
    rings.clear(0, 1)
    rings.clear(1, 1)
    rings.map(0, np.arange(256, dtype=np.uint8) + 1)
    assert set(rings.copy(0, 0, RING)) == {2}
    assert set(rings.copy(1, 0, RING)) == {1}
