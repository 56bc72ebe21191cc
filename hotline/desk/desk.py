"""The desk: the only door between a browser and the product.

Each method is one action of a person. It checks the role policy, asks the store, and returns
views or raises Refused. It does no I/O of its own.

A session is a random token in the browser and its SHA-256 in the store. It ends twelve hours after
it was opened (a shift and its hand-over) or eight hours after it was used last, whichever is first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from hotline.desk.live_talks import LiveTalks
from hotline.desk.neighbours import Neighbours
from hotline.desk.offers import with_offers
from hotline.desk.passwords import MOST_LENGTH, LoginLimit, check_password
from hotline.desk.policy import Action, demand, may, scope, shown_caller
from hotline.desk.ports import Decision, DeskStore, NewUser, PasswordHasher, TalkMeter, Talks
from hotline.desk.search import Searches
from hotline.desk.views import (
    Actor,
    KindChoice,
    OrderView,
    RecordingFile,
    RequestLine,
    RequestPage,
    TalkView,
    UnitChoice,
)
from hotline.errors import OutsideError, Refused
from hotline.events.record import Event
from hotline.tickets.masking import mask
from hotline.tickets.number import read_number
from hotline.tickets.order_moves import OrderMove
from hotline.tickets.outcomes import Outcome
from hotline.tickets.request_moves import RequestState
from hotline.tickets.roles import UNIT_ROLES, Role
from hotline.tickets.service_request import NOTHING_GIVEN, Given

SHIFT: Final = timedelta(hours=12)
IDLE: Final = timedelta(hours=8)
TOUCH_EVERY: Final = timedelta(minutes=1)
"""Noting each use of a session would make every page a write."""
LANGUAGES: Final = ("zh", "en")
PAUSE_REASONS: Final = ("number",)
"""Why a recording may pause: a card's or an identity number is told."""
COMMAND_LINE: Final = "command line"
"""Actor of what was typed on the machine itself."""
LONGEST_PAGE: Final = 200
"""Lines or events at once."""
LONGEST_TEXT: Final = 10_000
LONGEST_NOTE: Final = 2_000
LONGEST_PLACE: Final = 200
LARGEST_KEY: Final = 2**31 - 1
"""What an INTEGER column of PostgreSQL holds."""
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_ROLES: Final = tuple(role.value for role in Role if role is not Role.SYSTEM)
_USER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")


class Desk:
    """What a person may do at a console.

    :param new_token: gives 256 random bits as text, anew each time.
    :param at: asks the wall clock; the answer has a zone.
    :param area_code: of the site, without 0: completes telephone numbers that are looked for.
    """

    def __init__(
        self,
        store: DeskStore,
        passwords: PasswordHasher,
        new_token: Callable[[], str],
        at: Callable[[], datetime],
        *,
        area_code: str = "10",
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._new_token = new_token
        self._at = at
        self._limit = LoginLimit()
        self.searches = Searches(store, area_code=area_code)
        self.neighbours = Neighbours(store)
        self.live_talks = LiveTalks()
        self.talks: Talks | None = None
        """The talks of now, once the telephone side runs."""

    # -- who is there ---------------------------------------------------------------------------
    async def needs_set_up(self) -> bool:
        """Tell whether no administrator exists yet."""
        return not await self._store.has_admin()

    async def set_up(self, user_name: str, display_name: str, password: str) -> None:
        """Create the first administrator; refuses weak passwords, and when one exists already."""
        if await self._store.has_admin():
            raise Refused("an administrator exists already; log in", code="state")
        user = await self._new_user(user_name, display_name, password, Role.ADMIN)
        await self._store.add_user(user, only_first_admin=True)

    async def log_in(self, user_name: str, password: str, remote: str) -> str:
        """Check a password and open a session; returns its token. Raises Refused(code="login")."""
        name = user_name.strip().lower()
        if self._limit.is_exhausted(name, remote, self._at()):
            raise Refused("too many wrong passwords; wait a quarter of an hour", code="login")
        # Counted before the slow check, so that guesses made at the same time count as well.
        self._limit.note_try(name, remote, self._at())
        try:
            user = await self._store.find_user(name) if _USER_NAME.fullmatch(name) else None
        except OutsideError:
            self._limit.take_back(name, remote)
            raise
        # Unknown names cost the same time, or the time would tell which names exist.
        fits = await self._passwords.verify(user.password_hash if user else "", password[: MOST_LENGTH + 1])
        if user is None or not fits:
            await self._store.note_refused_login(name[:32], remote)
            raise Refused("user name or password is wrong", code="login")
        self._limit.note_accepted(name, remote)
        token = self._new_token()
        await self._store.open_session(_hash(token), name, remote)
        return token

    async def who(self, token: str) -> Actor | None:
        """Tell whose session a token is; None when unknown, ended or idle for too long."""
        if not token:
            return None
        session = await self._store.find_session(_hash(token))
        if session is None:
            return None
        at = self._at()
        if at >= session.opened_at + SHIFT or at >= session.seen_at + IDLE:
            await self._store.close_session(_hash(token))
            return None
        if at >= session.seen_at + TOUCH_EVERY:
            await self._store.touch_session(_hash(token))
        return session.actor

    async def log_out(self, token: str) -> None:
        """End a session; harmless when it is over already."""
        if token:
            await self._store.close_session(_hash(token))

    async def set_language(self, actor: Actor, language: str) -> None:
        """Remember the console language of a user."""
        if language not in LANGUAGES:
            raise Refused(f"the console speaks {' and '.join(LANGUAGES)}", code="input")
        await self._store.set_language(actor.user_name, language)

    async def users(self, actor: Actor) -> Sequence[Actor]:
        """List who may log in; for administrators."""
        demand(actor, Action.USERS)
        return await self._store.list_users()

    async def create_user(
        self,
        actor: Actor,
        user_name: str,
        display_name: str,
        password: str,
        role: str,
        *,
        unit_code: str | None = None,
        language: str = LANGUAGES[0],
    ) -> None:
        """Add a person who may log in; for administrators. A ``unit`` user needs her unit's code."""
        demand(actor, Action.USERS)
        user = await self._new_user(
            user_name, display_name, password, role, unit_code=unit_code, language=language
        )
        await self._store.add_user(user, by=actor.user_name)

    async def add_user(
        self,
        user_name: str,
        display_name: str,
        password: str,
        role: str,
        unit_code: str | None = None,
        language: str = LANGUAGES[0],
    ) -> None:
        """Add a person from the machine's own command line; browsers go through create_user."""
        user = await self._new_user(
            user_name, display_name, password, role, unit_code=unit_code, language=language
        )
        await self._store.add_user(user, by=COMMAND_LINE)

    # From the machine's own command line: who can type there can read the database as well.
    async def all_users(self) -> Sequence[Actor]:
        """List who may log in."""
        return await self._store.list_users()

    async def set_password(self, user_name: str, password: str) -> None:
        """Give a user a new password; whoever is logged in as her is logged out.

        :raises Refused: ``input`` for a weak password, ``missing`` for an unknown user.
        """
        name = user_name.strip().lower()
        check_password(password, name)
        await self._store.set_password(name, await self._passwords.hash(password), by=COMMAND_LINE)

    async def disable_user(self, user_name: str) -> None:
        """Take a user's access; whoever is logged in as her is logged out.

        :raises Refused: ``state`` for the last administrator, ``missing`` for an unknown user.
        """
        await self._store.disable_user(user_name.strip().lower(), by=COMMAND_LINE)

    async def _new_user(
        self,
        user_name: str,
        display_name: str,
        password: str,
        role: str,
        *,
        unit_code: str | None = None,
        language: str = LANGUAGES[0],
    ) -> NewUser:
        name = user_name.strip().lower()
        if not _USER_NAME.fullmatch(name):
            raise Refused(
                "a user name has 2 to 32 letters, digits, dots, hyphens or underscores", code="input"
            )
        if role not in _ROLES:
            raise Refused(f"there is no role {role!r}; choose {', '.join(_ROLES)}", code="input")
        if (role in UNIT_ROLES) != bool(unit_code):
            raise Refused("users of a unit, and only they, need the unit's code", code="input")
        if language not in LANGUAGES:
            raise Refused(f"the console speaks {' and '.join(LANGUAGES)}", code="input")
        check_password(password, name)
        display = " ".join(_UNWRITABLE.sub("", display_name).split())[:64] or name
        password_hash = await self._passwords.hash(password)
        return NewUser(name, display, role, unit_code or None, language, password_hash)

    # -- requests -------------------------------------------------------------------------------
    async def queue(
        self, actor: Actor, *, state: str = "", before: str = "", limit: int = 50
    ) -> Sequence[RequestLine]:
        """List requests, newest first; ``before`` is the number that the last page ended with."""
        demand(actor, Action.SEE)
        if state and state not in set(RequestState):
            raise Refused(f"there is no state {state!r}", code="input")
        last = read_number(before)
        if before and last is None:
            raise Refused(f"{before!r} is no request number to go on from", code="input")
        lines = await self._store.lines(
            scope(actor), state=state, before=last or "", limit=min(max(limit, 1), LONGEST_PAGE)
        )
        return [_masked(line) for line in lines]

    async def line(self, actor: Actor, number: str) -> RequestLine | None:
        """Get one line of the queue; None when it is not for this person."""
        demand(actor, Action.SEE)
        known = read_number(number)
        line = await self._store.request_line(scope(actor), known) if known else None
        return _masked(line) if line else None

    async def request(self, actor: Actor, number: str) -> RequestPage:
        """Get all that this person may see of a request. Raises Refused(code="missing")."""
        demand(actor, Action.SEE)
        known = read_number(number)
        page = await self._store.request_page(scope(actor), known) if known else None
        if page is None:
            raise _missing(number)
        own = [order.state for order in page.orders if order.unit_code == actor.unit_code]
        caller = shown_caller(actor, page.line.caller, page.line.state, own)
        shown = replace(
            page,
            line=replace(page.line, caller=caller),
            earlier=[_masked(line) for line in page.earlier],
        )
        return with_offers(actor, shown, self._at(), self._store.rules)

    async def edit(
        self,
        actor: Actor,
        number: str,
        version: int,
        *,
        kind_code: str,
        region_code: str,
        place: str,
        text: str,
    ) -> None:
        """Decide kind, region, place and wording. Raises Refused(code="stale") when it changed meanwhile."""
        demand(actor, Action.EDIT)
        decision = Decision(
            _code(kind_code),
            _code(region_code),
            _text("the place", place, LONGEST_PLACE),
            _text("the text", text, LONGEST_TEXT),
        )
        await self._store.edit_request(actor, _known(number), version, decision)

    async def route(
        self,
        actor: Actor,
        number: str,
        version: int,
        unit_code: str,
        note: str,
        co_units: Sequence[str] = (),
    ) -> None:
        """Dispatch the request to a unit: work orders, events and letters in one transaction.

        A draft is accepted first, which needs kind and words.

        :param co_units: units that help; each gets an order with clocks of its own.
        """
        demand(actor, Action.ROUTE)
        note = _text("the note", note, LONGEST_NOTE)
        helping = tuple(_code(code) for code in co_units if code.strip())
        await self._store.route_request(actor, _known(number), version, _code(unit_code), note, helping)

    async def move(
        self, actor: Actor, number: str, version: int, move: str, given: Given = NOTHING_GIVEN
    ) -> None:
        """Make another move of the request's table; what ``given`` must hold, the table says.

        :raises Refused: ``state``, ``role``, ``duty``, ``input`` as the tables say; ``stale``, ``missing``.
        """
        demand(actor, Action.MOVE)
        await self._store.move_request(actor, _known(number), version, move, _given(given))

    async def units(self, actor: Actor) -> Sequence[UnitChoice]:
        """List the units that a request can be routed to."""
        demand(actor, Action.SEE)
        return await self._store.unit_choices()

    async def kinds(self, actor: Actor) -> Sequence[KindChoice]:
        """List the kinds of demand of the catalogue."""
        demand(actor, Action.SEE)
        return await self._store.kind_choices()

    async def recording(self, actor: Actor, recording_id: str) -> RecordingFile:
        """Find a recording that this person may hear, and note that she heard it."""
        demand(actor, Action.PLAY)
        is_id = _CODE.fullmatch(recording_id) is not None
        file = await self._store.recording_file(actor, scope(actor), recording_id) if is_id else None
        if file is None:
            raise Refused(f"there is no recording {recording_id} for you", code="missing")
        return file

    async def recording_shape(self, actor: Actor, recording_id: str) -> RecordingFile:
        """Find a recording that this person may hear, to draw it; looking at it is not listening."""
        demand(actor, Action.PLAY)
        is_id = _CODE.fullmatch(recording_id) is not None
        file = (
            await self._store.recording_file(actor, scope(actor), recording_id, is_heard=False)
            if is_id
            else None
        )
        if file is None:
            raise Refused(f"there is no recording {recording_id} for you", code="missing")
        return file

    # -- her own talk ---------------------------------------------------------------------------
    def talk(self, actor: Actor) -> TalkView | None:
        """Tell in which recorded talk this person is now."""
        if not may(actor, Action.PLAY) or self.talks is None:
            return None
        return self.talks.talk_of(actor.user_name)

    def follow_talk(self, actor: Actor) -> TalkMeter | None:
        """Begin to look at how loud this person's talk is; None when she is in none."""
        if not may(actor, Action.PLAY) or self.talks is None:
            return None
        return self.talks.follow(actor.user_name)

    def pause_recording(self, actor: Actor, reason: str) -> None:
        """Have silence recorded in place of what is said in this person's talk from now on."""
        demand(actor, Action.PLAY)
        if reason not in PAUSE_REASONS:
            raise Refused(f"no such reason: {reason}", code="input")
        if self.talks is None or not self.talks.pause(actor.user_name, reason):
            raise Refused("you are in no talk that is recorded", code="state")

    def resume_recording(self, actor: Actor) -> None:
        """Have recorded again what is said in this person's talk."""
        demand(actor, Action.PLAY)
        if self.talks is None or not self.talks.resume(actor.user_name):
            raise Refused("you are in no talk that is recorded", code="state")

    # -- a unit's side --------------------------------------------------------------------------
    async def inbox(self, actor: Actor, unit_code: str = "") -> Sequence[OrderView]:
        """List a unit's work orders, open ones first; a unit's user sees her own unit only."""
        demand(actor, Action.INBOX)
        own = scope(actor)
        if own is not None and unit_code not in {"", own}:
            raise Refused("this is another unit's inbox", code="role")
        return await self._store.orders(own or _code(unit_code) or None)

    async def sign(self, actor: Actor, order_id: int) -> None:
        """Take a work order over for the unit (签收)."""
        demand(actor, Action.SIGN)
        await self._store.move_order(actor, _order(order_id), OrderMove.SIGN, NOTHING_GIVEN)

    async def begin(self, actor: Actor, order_id: int) -> None:
        """Note that the unit has spoken with the caller and begins (联系来电人)."""
        demand(actor, Action.SIGN)
        await self._store.move_order(actor, _order(order_id), OrderMove.BEGIN, NOTHING_GIVEN)

    async def reply(self, actor: Actor, order_id: int, text: str, outcome: str = Outcome.SOLVED) -> None:
        """Report back what was done (反馈)."""
        demand(actor, Action.REPLY)
        text = _text("the reply", text, LONGEST_TEXT)
        if not text:
            raise Refused("say what was done", code="input")
        if outcome not in set(Outcome):
            raise Refused(f"there is no outcome {outcome[:40]!r}", code="input")
        given = Given(outcome=outcome, text=text)
        await self._store.move_order(actor, _order(order_id), OrderMove.FINISH, given)

    async def excuse(self, actor: Actor, order_id: int, reason: str) -> None:
        """Let a co-handler out: its part is not needed after all."""
        demand(actor, Action.ROUTE)
        given = Given(reason=_text("the reason", reason, LONGEST_NOTE))
        await self._store.move_order(actor, _order(order_id), OrderMove.EXCUSE, given)

    # -- what changed ---------------------------------------------------------------------------
    async def events_after(self, actor: Actor, position: int, limit: int = 200) -> Sequence[Event]:
        """Read the events after a position that this person may know of."""
        demand(actor, Action.SEE)
        return await self._store.events(
            scope(actor),
            after=min(max(position, 0), LARGEST_KEY),
            limit=min(max(limit, 1), LONGEST_PAGE),
            with_logins=may(actor, Action.USERS),
        )

    async def newest_position(self) -> int:
        """Tell the position that a browser starting now resumes from."""
        return await self._store.newest_position()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _masked(line: RequestLine) -> RequestLine:
    return replace(line, caller=mask(line.caller))


def _missing(number: str) -> Refused:
    return Refused(f"there is no request {number} for you", code="missing")


def _known(number: str) -> str:
    known = read_number(number)
    if known is None:
        raise _missing(number)
    return known


def _text(what: str, text: str, most: int) -> str:
    """Take what a person typed, without what no keyboard types and no database keeps."""
    if len(text) > most:
        raise Refused(f"{what} has {len(text)} characters; {most} are possible", code="input")
    return _UNWRITABLE.sub("", text.replace("\r\n", "\n")).strip()


def _code(text: str) -> str:
    """Take a code of catalogue, region or unit; empty for none."""
    code = text.strip()
    if code and not _CODE.fullmatch(code):
        raise Refused(f"{code[:40]!r} is no code", code="input")
    return code


def _order(order_id: int) -> int:
    if not 0 < order_id <= LARGEST_KEY:
        raise Refused(f"there is no work order {order_id} for you", code="missing")
    return order_id


def _given(given: Given) -> Given:
    """Take what a person said with a move; what she cannot know, the store fills in."""
    return Given(
        reason=_text("the reason", given.reason, LONGEST_NOTE),
        unit=_code(given.unit),
        outcome=_code(given.outcome),
        text=_text("the text", given.text, LONGEST_TEXT),
        source=_text("the source", given.source, LONGEST_PLACE),
        parent=read_number(given.parent) or "",
        review_at=given.review_at,
        extension=given.extension,
        solved=given.solved,
    )
