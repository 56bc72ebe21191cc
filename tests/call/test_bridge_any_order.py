"""Whatever telephones and callers do, in whatever order: nobody hears a stranger, nothing is left behind."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.call.messages import GuestChanged, GuestDismissed, OpenRequest
from hotline.events.ids import CallId
from hotline.media.plan import MediaFailed, PortOpened, Record
from hotline.sip.events import CallAnswered, CallEnded, CallRinging, MediaMoved, TransferAsked
from hotline.sip.uri import Uri
from tests.call.bridge_rig import HELD, VOICE, House
from tests.call.test_bridge import FLOW

KINDS = (
    "resident", "phone", "ring", "early", "answer", "answer", "answer", "held answer", "decline", "bye",
    "line fails", "line fails", "forward", "forward",
    "hold", "resume", "blind", "outside", "attended", "attended", "replace", "port", "media failed",
    "wait", "long wait", "prompt", "monitor", "whisper", "barge", "member", "dismiss",
)  # fmt: skip
MOVES = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 9)), min_size=10, max_size=100
)


class Day(House):
    """A day in which anything may happen."""

    def __init__(self) -> None:
        super().__init__(FLOW, users=("1001", "1002", "1003", "1009"), trunks=("unicom", "telecom", "mobile"))
        self.made = 0

    def legs(self) -> list[CallId]:
        return sorted(self.owner)

    def move(self, kind: str, which: int, other: int) -> None:
        legs = self.legs()
        leg = legs[which % len(legs)] if legs else None
        if kind == "resident":
            self.made += 1
            self.resident(100 + self.made)
        elif kind == "phone":
            self.made += 1
            self.phone(
                self.users[which % 3], [*self.users, "01065241234", "nobody"][other % 5], 100 + self.made
            )
        elif kind == "wait":
            self.wait(1.0)
        elif kind == "long wait":
            self.wait(40.0)
        elif kind in ("monitor", "whisper", "barge", "member", "dismiss"):
            self._guest(kind, which, ["1001", "1003", "1009", "01065241234"][other % 4])
        elif leg is not None:
            self._of_a_leg(kind, leg, legs[other % len(legs)])

    def _guest(self, kind: str, which: int, name: str) -> None:
        calls = sorted(self.calls)
        if not calls:
            return
        call_id = calls[which % len(calls)]
        if kind == "dismiss":
            self.tell_call(GuestDismissed(call_id, name))
            return
        if which % 2 and kind != "member":
            self.tell_call(GuestChanged(call_id, name, kind, "wang"))
        acting = "1001" if kind == "member" else ""
        self.invite(call_id, name, kind, acting, tone=bool(which % 3))

    def _of_a_leg(self, kind: str, leg: CallId, another: CallId) -> None:  # noqa: C901 - a list
        is_ours = leg in self.dialled
        is_up = leg in self.answered or leg in self.up
        if kind == "replace":
            self.made += 1
            self.take_place(leg, "1003", 100 + self.made)
        elif kind in ("ring", "early") and is_ours and not is_up:
            self.tell(CallRinging(leg, 180 if kind == "ring" else 183, VOICE if kind == "early" else None))
        elif kind in ("answer", "held answer") and is_ours and not is_up:
            self.up.add(leg)
            self.tell(CallAnswered(leg, VOICE if kind == "answer" else HELD))
        elif kind == "decline" and is_ours and not is_up:
            self.tell(CallEnded(leg, "failed", 486))
        elif kind == "line fails" and is_ours and not is_up:
            self.tell(CallEnded(leg, "failed", 503))
        elif kind == "forward" and is_ours and not is_up:
            self.forward(leg, self.users[len(another) % 3])
        elif kind == "bye":
            self.leave(leg, "bye" if is_up else "cancel")
        elif kind in ("hold", "resume") and is_up:
            self.tell(MediaMoved(leg, HELD if kind == "hold" else VOICE))
        elif kind in ("blind", "outside", "attended") and is_up:
            target = {"blind": "1002", "outside": "01065241234", "attended": "x"}[kind]
            self.tell(
                TransferAsked(leg, Uri("sip", target, host="h"), another if kind == "attended" else None, "")
            )
        elif kind == "media failed":
            self.tell(MediaFailed(leg, "gone"))
        elif kind == "prompt" and leg in self.ports:
            self.end_prompt(leg)
        elif kind == "port":
            self.tell(PortOpened(leg, "198.51.100.1", 16000))

    @property
    def up(self) -> set[CallId]:
        return self.__dict__.setdefault("_up", set())

    def check(self) -> None:
        super().check()
        for leg, port in self.ports.items():
            for other in port.listens:
                assert self.owner.get(leg) is self.owner.get(other), "two calls hear each other"


@settings(max_examples=200, deadline=None)
@given(MOVES)
def test_every_day_comes_to_a_good_end(moves: list[tuple[str, int, int]]) -> None:
    day = Day()
    day.resident(99)
    day.phone("1001", "1002", 98)
    for kind, which, other in moves:
        day.move(kind, which, other)
    for _ in range(40):
        if not day.calls:
            break
        for call_id in list(day.calls):
            day.leave(call_id)
        for leg in day.legs():
            day.leave(leg)
        day.wait(700.0)
    day.check_end()
    recorded = {one.recording_id for one in day.commands if isinstance(one, Record)}
    opened = [one.recording.recording_id for one in day.commands if isinstance(one, OpenRequest)]
    assert recorded == set(opened), "each recording of this bench holds words"
    assert len(opened) == len(set(opened))
    came = [note.call_id for note in day.guest_notes if not note.has_left]
    left = [note.call_id for note in day.guest_notes if note.has_left]
    # A member whom the agent left alone with the caller is a guest no more.
    assert set(left) <= set(came)
    assert len(left) == len(set(left))
    # Nobody who came in over a line was ever led to one.
    assert all(wish.acting in day.users for wish in day.wishes if wish.acting)
