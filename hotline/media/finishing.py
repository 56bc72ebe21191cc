"""The last touch to packets that are more than columns: encoded (not G.711), and protected (SRTP)."""

from __future__ import annotations

import numpy as np

from hotline.media.demux import STRANGER
from hotline.media.g711 import EXPANDED
from hotline.media.outgoing import PACKET, Slots
from hotline.media.parts import Parts
from hotline.media.relayed import Relayed
from hotline.media.rtp import HEADER


class Finishing:
    """Makes ready to be sent what one plane's ticks and bridges made in A-law and in the clear."""

    def __init__(self, parts: Parts) -> None:
        self._legs, self._out, self._relay, self._counts = parts.legs, parts.out, parts.relay, parts.counts

    def uneven(self, slots: Slots) -> Slots:
        """Give those slots whose packets differ in length from tick to tick: all that are finished here."""
        if not self._legs.coded and not self._legs.secured:
            return slots[:0]
        uneven: Slots = slots[self._legs.is_coded[slots] | self._legs.is_secured[slots]]
        return uneven

    def finish(self, slots: Slots) -> None:
        """Encode and protect what ``Outgoing.fill`` made for these slots."""
        for slot in self.uneven(slots).tolist():
            self._finish_one(slot)

    def _finish_one(self, slot: int) -> None:
        call, out = self._legs.by_slot[slot], self._out
        assert call is not None
        row, length = out.packets[slot], PACKET
        if call.coded is not None:
            payload = call.coded.coder.encode(EXPANDED[out.law[slot]][row[HEADER:PACKET]])
            length = HEADER + len(payload)
            row[HEADER:length] = np.frombuffer(payload, np.uint8)
        if call.protection is not None:
            sealed = call.protection.protect(row[:length].tobytes())
            if sealed is None:  # never seen, as our numbers never come twice; but nothing goes in the clear
                sealed = b""
                self._counts["unsealed"] += 1
            length = len(sealed)
            row[:length] = np.frombuffer(sealed, np.uint8)
        out.lengths[slot] = length

    def finish_relayed(self) -> Relayed:
        """Protect what passes from call to call; rows that cannot be get a negative slot."""
        relayed = self._relay.out
        if self._legs.secured and relayed.count:
            for row in np.nonzero(self._legs.is_secured[relayed.slots[: relayed.count]])[0].tolist():
                leg = self._legs.by_slot[relayed.slots[row]]
                sealed = leg.protection.protect(relayed.packet(row)) if leg and leg.protection else None
                if sealed is None:
                    relayed.slots[row] = STRANGER
                else:
                    relayed.replace(row, sealed)
        return relayed
