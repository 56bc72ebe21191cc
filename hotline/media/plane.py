"""The media plane: calls are columns, and one tick moves them all.

No step of the steady state of plain G.711 calls loops over calls or packets in Python; what is rare
(the first packet of a stream, a key, the end of a prompt, a block for the disk) does, and so do calls
whose packets must be decoded or decrypted one by one. The plane knows no clock: the edge calls
``tick`` every 20 ms for each phase. Calls are spread over up to four phases, so that the edge may
handle them 5 ms apart; a phase is filled before the next is begun.

Read ``tick`` first: it is the whole of a plane's life, from top to bottom. What changes it from
outside is in ``commands`` and ``agreement``; the columns are those of ``parts``.

``take_outbox`` of the usual machine is ``roster.sending`` with ``packets``, and ``take_relayed``, here,
because packets stay in the arrays that the kernel reads them from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hotline.events.ids import CallId
from hotline.media.agreement import Agreement, NewToken, groups_of, no_coder, no_protection
from hotline.media.coded import MakeCoder
from hotline.media.commands import Commands
from hotline.media.finishing import Finishing
from hotline.media.hearing import Hearing
from hotline.media.keys import KeySource
from hotline.media.packets import Batch
from hotline.media.parts import Parts
from hotline.media.plan import MediaCommand, MediaEvent
from hotline.media.playing import Playing
from hotline.media.prompts import PromptBank
from hotline.media.protection import MakeProtection
from hotline.media.recording import RecorderOrder
from hotline.media.relayed import Relayed
from hotline.media.taps import TapBlock

Slots = NDArray[np.int64]


class Plane:
    """All calls of one process.

    :param local_ip: where the ports are, unless ``port_ips`` tells it for each of them.
    :param ports: local RTP ports, in order of use.
    :param port_ips: local address of each port; calls that name none get a port at the first.
    :param new_token: for SSRC and first sequence number and timestamp.
    :param make_coder: for legs whose codec is not G.711.
    :param make_protection: for legs with SRTP.
    :param hears_tones: False: keys are taken from events and signalling only, not from the voice.
    """

    def __init__(
        self,
        *,
        local_ip: str,
        ports: Sequence[int],
        bank: PromptBank,
        new_token: NewToken,
        calls_per_port: int = 1,
        port_ips: Sequence[str] = (),
        make_coder: MakeCoder = no_coder,
        make_protection: MakeProtection = no_protection,
        hears_tones: bool = True,
    ) -> None:
        port_ips = tuple(port_ips) or (local_ip,) * len(ports)
        groups = groups_of(port_ips)
        self._parts = parts = Parts([groups[ip] for ip in port_ips], calls_per_port, bank, new_token)
        parts.tones.is_wanted = hears_tones
        self.roster = parts.roster
        """Who sends and listens where; for the edge to read."""
        self.reports = parts.reports
        """What is said of the voices, and to whom; for the edge to send, and to bring in."""
        self.counts: Counter[str] = parts.counts
        """Packets that were not heard, by reason: also ``stranger``, ``malformed``, ``flood``, ``forged``."""
        self._legs, self._out, self._relay = parts.legs, parts.out, parts.relay
        self._recordings, self._mixing = parts.recordings, parts.mixing
        self._taps = parts.taps
        self._reception, self._playing = parts.reception, Playing(parts)
        self._hearing = Hearing(parts, self._playing)
        self._finishing = Finishing(parts)
        agreement = Agreement(
            parts,
            ports=ports,
            port_ips=port_ips,
            new_token=new_token,
            make_coder=make_coder,
            make_protection=make_protection,
        )
        self._commands = Commands(parts, agreement, self._playing, self._hearing)

    # -- every 20 ms --------------------------------------------------------------------------------

    def receive(self, batch: Batch) -> None:
        """Take in datagrams as they were read from the sockets; their rows may be rewritten."""
        self._reception.receive(batch)
        for call, key in self._reception.take_pressed():
            self._hearing.press(call, key, KeySource.EVENT)

    def tick(self, phase: int) -> None:
        """Move the calls of a phase on by 20 ms: listen, hand blocks over, make the next packets."""
        if phase == 0:
            self._hearing.pass_time()
            if self._mixing.is_on:
                self._mixing.tick()
        slots = self.roster.open(phase)
        if not len(slots):
            return
        if self._legs.coded:
            self._reception.tick(slots)
        self._hearing.tick(slots)
        if self._taps.is_on:
            self._taps.tick(slots)
        self._recordings.tick(slots)
        resting = self.roster.resting(phase)
        if len(resting):
            self._out.pass_time(resting)
            self._relay.pass_time(self.roster.relayed(phase))
        sends = self.roster.sending(phase)
        if len(sends):
            self._out.fill(sends)
            self._finishing.finish(sends)
            self._playing.go_on(sends)

    # -- commands -----------------------------------------------------------------------------------

    def command(self, command: MediaCommand) -> None:
        """Carry out a command; what cannot be done is answered by MediaFailed, never raised."""
        self._commands.carry_out(command)

    def close_all(self) -> None:
        """End every call's media, closing its recording."""
        for call in list(self._legs.by_call.values()):
            self._commands.close_port(call)

    # -- for the edge -------------------------------------------------------------------------------

    @property
    def packets(self) -> NDArray[np.uint8]:
        """A row a slot: the packets made by the last tick of each phase, ``lengths`` bytes of each row."""
        return self._out.packets

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bytes of each slot's packet; changes from tick to tick only for ``uneven`` slots."""
        return self._out.lengths

    def uneven(self, slots: Slots) -> Slots:
        """Give those slots whose packets differ in length from tick to tick."""
        return self._finishing.uneven(slots)

    def take_relayed(self) -> Relayed:
        """Give what passes from call to call, ready to be sent; clear it when it was.

        Rows whose slot is negative are nothing to send.
        """
        return self._finishing.finish_relayed()

    def is_bridged(self, slots: Slots) -> NDArray[np.bool_]:
        """Tell whose packets are for another call, which hears them the sooner the better."""
        bridged: NDArray[np.bool_] = self._relay.target[slots] >= 0
        return bridged

    def port_index(self, call_id: CallId) -> int | None:
        """Give the index of a call's port; None when the call is over."""
        call = self._legs.by_call.get(call_id)
        return int(self.roster.port_index[call.slot]) if call is not None else None

    def is_idle(self) -> bool:
        """Tell whether no call is open."""
        return not self._legs.by_call

    def take_events(self) -> list[MediaEvent]:
        """Take what happened, in order."""
        events, self._parts.events = self._parts.events, []
        return events + self._recordings.take_events() + self.reports.take_events()

    def take_orders(self) -> list[RecorderOrder]:
        """Take what the recorder is to do, in order."""
        return self._recordings.take_orders()

    def take_blocks(self) -> list[tuple[str, TapBlock]]:
        """Take what subscribers are to have, and whose each is."""
        return self._taps.take_blocks()

    def forget_subscriber(self, subscriber: str) -> None:
        """Tap nothing more for a subscriber who has gone."""
        self._taps.forget(subscriber)

    def take_complaints(self) -> list[tuple[CallId, str]]:
        """Take what went wrong without harm to the call, for the log."""
        complaints, self._parts.complaints = self._parts.complaints, []
        return complaints
