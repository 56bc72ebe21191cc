"""What is remembered of a call that we make: its branches, and the INVITEs that were tried."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from hotline.errors import RemoteProtocolError
from hotline.sip.call_leg import CallLeg
from hotline.sip.call_machine import CallMachine
from hotline.sip.call_moves import State
from hotline.sip.dialling import DialOrder, DialTarget
from hotline.sip.dialog import Dialog
from hotline.sip.digest_client import DigestClient
from hotline.sip.failure import Failure
from hotline.sip.flow import numeric
from hotline.sip.headers import NameAddr
from hotline.sip.inspection import HeaderFields
from hotline.sip.message import Request, Response
from hotline.sip.outgoing_call import AttemptMachine
from hotline.sip.session_timer import TimerWish
from hotline.sip.transaction_layer import Client
from hotline.sip.uri import Uri
from hotline.sip.voice_session import VoiceSession
from hotline.sip.voice_terms import VoiceTerms

MOST_REDIRECTIONS: Final = 5
"""Places that 3xx responses may add to one branch: two that point at each other must end."""


@dataclass(eq=False, slots=True)
class Attempt:
    """One INVITE of ours."""

    call: OutgoingCall
    branch: Branch
    target: DialTarget
    voice: VoiceSession
    """As the INVITE offered it; each fork goes on from a copy."""
    machine: AttemptMachine = field(default_factory=AttemptMachine)
    invite: Client | None = None
    forks: dict[str, CallLeg] = field(default_factory=dict)
    """Dialogs that its responses made, by their tag."""
    cancel_headers: HeaderFields = ()
    credentials: HeaderFields = ()


@dataclass(eq=False, slots=True)
class Branch:
    """Places that are tried one after another."""

    targets: deque[DialTarget]
    dialog: Dialog
    """Call-ID, our tag and CSeq, which all attempts of the branch share (8.1.3.4, 8.1.3.5)."""
    attempt: Attempt | None = None
    failure: Failure | None = None
    """Why all of them failed; None while one is tried."""
    redirections: int = 0
    digest: DigestClient | None = None
    """Answers challenges; None: we have no secret."""
    timer: TimerWish | None = None
    """The session timer to ask for."""


@dataclass(eq=False, slots=True)
class OutgoingCall:
    """A call of ours that nobody answered yet."""

    order: DialOrder
    branches: list[Branch]
    ring_due: float
    is_over: bool = False
    """It was answered, or failed, or we hung up: what still comes is only cleared away."""
    told: tuple[int, VoiceTerms | None] = (0, None)
    """Status and early voice told last."""


def new_fork(attempt: Attempt, response: Response) -> CallLeg:
    """Make the leg of the dialog that a response to our INVITE opens (12.1.2)."""
    assert attempt.invite is not None
    request, target, order = attempt.invite.request, attempt.target, attempt.call.order
    dialog = dialog_of(request, response)
    return CallLeg(
        call_id=order.call_id,
        machine=CallMachine(State.EARLY),
        dialog=dialog,
        contact_user=order.from_.uri.user or "hotline",
        flow=target.flow,
        is_behind_nat=is_elsewhere(dialog.remote_target, target),
        voice=replace(attempt.voice),
        origin=order.origin,
        credentials=attempt.credentials,
        digest=attempt.branch.digest,
        invite_cseq=request.cseq.number,
        is_told=False,
    )


def settle_dialog(leg: CallLeg, attempt: Attempt, response: Response) -> None:
    """Take the dialog as the 2xx says it: a provisional response may have come by another way (13.2.2.4)."""
    assert attempt.invite is not None
    final = dialog_of(attempt.invite.request, response)
    leg.dialog.remote_target, leg.dialog.route_set = final.remote_target, final.route_set
    leg.is_behind_nat = is_elsewhere(final.remote_target, attempt.target)


def dialog_of(request: Request, response: Response) -> Dialog:
    """Make the dialog of a response; one without a usable Contact is reached where its INVITE went.

    RFC 3261, 12.1.2 wants a Contact, but a 2xx without one must be acknowledged all the same.
    """
    try:
        return Dialog.of_uac(request, response)
    except RemoteProtocolError:
        return Dialog(
            request.call_id,
            request.from_tag or "",
            response.to_tag or "",
            request.from_,
            response.to,
            request.uri,
            tuple(reversed(response.record_routes)),
            request.cseq.number,
        )


def is_elsewhere(contact: Uri, target: DialTarget) -> bool:
    """Tell whether a Contact names the very place that was not reached by its name: behind a NAT."""
    ip = numeric(contact.address) if contact.is_sip else None
    if ip is None or ip == numeric(target.flow.remote[0]):
        return False
    return ip == numeric(target.uri.address)


def redirect(branch: Branch, response: Response, allows: Callable[[Uri], DialTarget | None] | None) -> None:
    """Add the places that a 3xx names and the layer above allows to a branch, best first (8.1.3.4).

    :param allows: turns a Contact into a target, or refuses it; None refuses all.
    """
    found = []
    for contact in best_first(response.contacts):
        target = allows(contact.uri) if allows is not None else None
        if target is not None and branch.redirections < MOST_REDIRECTIONS:
            branch.redirections += 1
            found.append(target)
    branch.targets.extendleft(reversed(found))


def best_first(contacts: Iterable[NameAddr]) -> list[NameAddr]:
    """Order the places of a 3xx by how much they are preferred (20.10)."""
    return sorted(contacts, key=_preference, reverse=True)


def _preference(contact: NameAddr) -> float:
    value = contact.param("q")
    try:
        return float(value) if value else 1.0  # without q the order is the sender's
    except ValueError:
        return 0.0
