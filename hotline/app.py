"""Builds and wires everything: the only module that knows every part.

``Hotline`` is the running product. It starts from the bottom up, so that nothing is told before it can
be written, and stops from the top down, so that what was said is kept:

    lookout ► store ► media plane ► recovery ► speech ► console ► letters ► exchange (SIP)

The console comes before the letters, which tell where it is.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Literal

import structlog

from hotline.desk.desk import Desk
from hotline.errors import ConfigError, OutsideError
from hotline.events.bus import LocalBus
from hotline.events.ids import RequestNumber
from hotline.exchange import Exchange, House, check_tls
from hotline.flows import read_flow
from hotline.intake.ports import Transcript
from hotline.intake.recovery import recover
from hotline.media.plan import MediaEvent
from hotline.notify.letters import LetterWriter
from hotline.notify.relay import read_password
from hotline.notify.service import MailService
from hotline.routing.district import DISTRICT_FILES, OPTIONAL_FILES, District, Rejected
from hotline.routing.district import read_district as read_district_texts
from hotline.routing.suggest import Suggester
from hotline.routing.suggestion import Suggestion
from hotline.settings import Settings, ip_and_port, split_listener
from hotline.sip.phones import PhoneBook
from hotline.speech.model_files import find_model_blocking
from hotline.speech.service import TranscriptionService
from hotline.store import Store
from hotline.store.due_reader import DueReader
from hotline.store.expiry import Expiry
from hotline.store.hotspot_watch import HotspotWatch
from hotline.store.kind_files import MODEL_FILE
from hotline.store.kind_learning import KindLearning
from hotline.store.passwords import Argon2Passwords
from hotline.store.phone_watch import PhoneWatch
from hotline.store.playback import read_concealed_blocking, read_peaks_blocking
from hotline.store.second_look import SecondLook, tell
from hotline.tickets.calendar import WallClock
from hotline.tickets.calendar_file import CALENDAR_FILE, parse_calendar
from hotline.tickets.conditions import Site
from hotline.tickets.limits import Clocks
from hotline.tickets.limits_file import LIMITS_FILE, parse_limits
from hotline.wire.backlogs import PLANE_USUAL_S, STORE_USUAL_S, CommandsWaiting, NotesWaiting
from hotline.wire.live_answers import answers_of
from hotline.wire.live_calls import LiveCallsOf
from hotline.wire.lookout import Lookout
from hotline.wire.media_planes import MediaPlanes
from hotline.wire.reactor import wall_now
from hotline.wire.sip_edge import SipReactor
from hotline.wire.talks import Talks
from hotline.wire.voice_watch import VoiceWatch

log = structlog.get_logger()

DRAIN_S: Final = 30.0
"""How long running calls may go on after the first stop signal; ``hotline drain`` waits longer."""
SEAL_S: Final = 5.0
"""How long the last recordings and requests may take to be written after that."""
CONSOLE_PARTS: Final = "hotline.console"
"""Entry points by which the console is found, so that hotline never imports it."""


class Hotline:
    """The running product."""

    def __init__(self, settings: Settings, reactor: SipReactor) -> None:
        self.settings, self.reactor = settings, reactor
        self.bus = LocalBus()
        self._stops: list[Callable[[], Any]] = []
        self._stopped = asyncio.Event()
        self._exchange: Exchange | None = None
        self._voices: VoiceWatch
        self._lookout: Lookout | None = None
        self._talks: Talks | None = None
        self._is_stopping = False

    async def start(self) -> None:
        """Start every part, from the bottom up.

        :raises ConfigError: for whatever the site must mend first; what was started is stopped by ``stop``.
        """
        settings = self.settings
        check_site(settings)
        flow = read_flow(settings.ivr.flow, settings.media.prompts_dir)
        flows = {
            number: read_flow(path, settings.media.prompts_dir) for number, path in settings.ivr.flows.items()
        }
        district, rejected = read_district(settings)
        check_rules(read_rules(settings), district, settings)
        lookout = await self._start_lookout()
        store, desk = await self._start_store(district, rejected)
        if await desk.needs_set_up():
            raise ConfigError("this site has no administrator yet; run `hotline setup` first")
        voices = self._voices = VoiceWatch(store.note_voices, wall_now, lookout.metrics.observe)
        self._stops.append(voices.stop)
        lookout.metrics.counts["voice"] = lambda: voices.counts
        lookout.metrics.gauges["voices_missing"] = lambda: len(voices.missing)
        media = await self._start_media()
        tell(await recover(store), set())
        look = SecondLook(store)
        self._stops.append(look.stop)
        look.start()
        self._start_deadlines(store)
        hotspots = HotspotWatch(store)
        self._stops.append(hotspots.stop)
        hotspots.start()
        keep_days = settings.recordings.keep_days
        expiry = Expiry(store, keep_days, wall_now, time_zone=settings.site.time_zone)
        self._stops.append(expiry.stop)
        expiry.start()
        kinds = KindLearning(store, district.kinds, settings.site.data_dir / MODEL_FILE)
        self._stops.append(kinds.stop)
        await kinds.start()
        self._start_speech(store, Suggester(district, kinds))
        console_url = await self._start_console(desk)
        self._start_letters(store, settings.console.base_url or console_url)
        phones = PhoneBook()
        backlogs = (
            (NotesWaiting(lambda: store.notes.depth, lambda: store.notes.age_s), STORE_USUAL_S),
            (CommandsWaiting(lambda: media.backlog), PLANE_USUAL_S),
        )
        house = House(media, look.watching(store), lambda called: flows.get(called, flow), phones, backlogs)
        exchange = self._exchange = Exchange(settings, self.reactor, house)
        self._stops.append(exchange.stop)
        desk.talks = self._talks = Talks(
            media.send,
            store,
            exchange.switchboard.recorded_call_of,
            lambda user_name: [phone.user for phone in phones if phone.user_name == user_name],
            legs_of=exchange.switchboard.legs_of,
            quality_of=voices.latest.get,
            is_missing=voices.missing.__contains__,
        )
        live = self._start_live_calls(exchange, media, store, desk, phones)
        watch = PhoneWatch(store, phones, settings.phones.realm, exchange.forget_phones)
        self._stops.append(watch.stop)
        await watch.start()
        exchange.start()
        lookout.metrics.awaited["jobs_waiting"] = store.jobs_waiting
        lookout.watch(exchange)
        lookout.answers.update(answers_of(live))
        lookout.answers["answer_phone"] = lambda question: exchange.switchboard.answer_phone(
            str(question.get("phone", ""))
        )
        log.info("serve.ready", sip_port=exchange.edge.port, console=console_url, flow=flow.version)

    async def stop(self, *, drain: bool, is_patient: bool = False) -> None:
        """Stop every part, from the top down; returns when all are stopped, whoever asked first.

        :param drain: let running calls go on for up to ``DRAIN_S`` first; new ones are refused meanwhile.
            A second call without it cuts that short.
        :param is_patient: let them go on for as long as the site says, ``[sip] drain_s``.
        """
        longest_s = self.settings.sip.drain_s if is_patient else DRAIN_S
        exchange = self._exchange
        if exchange is not None:
            exchange.drain()
            if self._lookout is not None:
                self._lookout.state = "draining"
            if drain and exchange.calls and not self._is_stopping:
                log.info("serve.draining", calls=exchange.calls, longest_s=longest_s)
                await exchange.is_idle(longest_s)
            if drain and not self._is_stopping:
                await exchange.is_noticed()
        if self._is_stopping:
            await self._stopped.wait()  # whoever returns from here may end the process
            return
        self._is_stopping = True
        if exchange is not None:
            exchange.hang_up_all()
            if not await exchange.is_idle(SEAL_S):
                log.error("serve.cut_off", calls=exchange.calls)
        while self._stops:
            stopping = self._stops.pop()
            try:
                await stopping()
            except Exception as error:  # noqa: BLE001 - the parts below it must be stopped all the same
                log.error("serve.stop_failed", error=repr(error))
        self._stopped.set()
        log.info("serve.stopped")

    def reload(self) -> None:
        """Read again what may change while we run: the certificates of TLS."""
        if self._exchange is not None:
            self._exchange.reload_certificates()

    # -- the parts ----------------------------------------------------------------------------------

    async def _start_lookout(self) -> Lookout:
        sip, metrics = self.settings.sip, self.settings.metrics
        lookout = self._lookout = Lookout(
            self.settings.site.data_dir,
            self.reactor,
            wall_now,
            keep_days=sip.keep_messages_days,
            keep_mb=sip.keep_messages_mb,
            capture=ip_and_port(sip.hep_address) if sip.hep_address else None,
            metrics_at=ip_and_port(metrics.listen) if metrics.listen else None,
        )
        lookout.metrics.gauges["calls"] = lambda: self._exchange.calls if self._exchange else 0
        self._stops.append(lookout.stop)
        await lookout.start()
        return lookout

    async def _start_store(self, district: District, rejected: Sequence[Rejected]) -> tuple[Store, Desk]:
        store = make_store(self.settings, self.bus.publish)
        self._stops.append(store.stop)
        await _open(store, district, rejected)
        for line in rejected:
            log.warning("district.line_rejected", line=str(line))
        passwords = Argon2Passwords()
        return store, make_desk(store, passwords, self.settings)

    def _start_deadlines(self, store: Store) -> None:
        due = DueReader(store, wall_now)
        self._stops.append(due.stop)
        due.start()

    async def _start_media(self) -> MediaPlanes:
        media, sip = self.settings.media, self.settings.sip
        first_ip, *more_ips = dict.fromkeys(split_listener(place)[1] for place in sip.listen) or [
            sip.listen_ip
        ]
        planes = MediaPlanes(
            self.reactor,
            workers=workers_of(media.workers),
            recordings_dir=recordings_dir(self.settings),
            prompts_dir=media.prompts_dir,
            listen_ip=first_ip,
            also_listen=more_ips,
            port_low=media.port_low,
            port_high=media.port_high,
            calls_per_port=media.calls_per_port,
            hears_tones=media.tones,
            on_event=self._on_media,
            time_zone=self.settings.site.time_zone,
        )
        self._stops.append(planes.stop)
        await planes.start()
        if self._lookout is not None:
            self._lookout.watch_media(planes)
        return planes

    def _on_media(self, event: MediaEvent) -> None:
        if self._talks is not None and self._talks.hear(event):
            return
        if not self._voices.hear(event) and self._exchange is not None:
            self._exchange.on_media(event)

    def _start_live_calls(
        self, exchange: Exchange, media: MediaPlanes, store: Store, desk: Desk, phones: PhoneBook
    ) -> LiveCallsOf:
        live = LiveCallsOf(
            exchange.switchboard,
            store,
            lambda user_name: [phone.user for phone in phones if phone.user_name == user_name],
            tone=self.settings.supervision.tone,
            send=media.send,
        )
        exchange.switchboard.on_guest = live.note
        desk.live_talks.calls = live
        desk.live_talks.shows_supervision = self.settings.supervision.shown
        self._stops.append(live.idle)
        return live

    def _start_speech(self, store: Store, suggester: Suggester) -> None:
        settings = self.settings

        def suggest(transcript: Transcript, number: RequestNumber) -> Sequence[Suggestion]:
            heard = "，".join(segment.raw_text for segment in transcript.segments)
            try:
                home = store.home_region_blocking(number)
            except OutsideError:
                home = None  # a hint less; saving will tell what is wrong with the store
            return suggester.suggest(transcript.text, raw_text=heard, home_region=home)

        speech = TranscriptionService(
            outbox=store,
            transcripts=store,
            suggest=suggest,
            recordings_dir=recordings_dir(settings),
            data_dir=settings.site.data_dir,
            model_dir=settings.speech.model_dir,
            workers=settings.speech.workers,
            config_dir=settings.site.config_dir,
        )
        self._stops.append(speech.stop)
        speech.start()

    def _start_letters(self, store: Store, base_url: str) -> None:
        settings = self.settings
        mail = MailService(
            store,
            store,
            settings.mail,
            site_name=settings.site.name,
            base_url=base_url,
            time_zone=settings.site.time_zone,
            at=wall_now,
        )
        self._stops.append(mail.stop)
        mail.start()

    async def _start_console(self, desk: Desk) -> str:
        console, site = self.settings.console, self.settings.site
        parts = {part.name: part for part in entry_points(group=CONSOLE_PARTS)}
        if not parts:
            raise ConfigError("the console is not installed; run `pip install -e .` in the project's folder")
        app = parts["create_app"].load()(
            desk,
            self.bus,
            site_name=site.name,
            time_zone=site.time_zone,
            secure_cookies=console.secure_cookies,
            read_audio=read_concealed_blocking,
            read_peaks=read_peaks_blocking,
        )
        running = await parts["serve"].load()(app, console.listen_ip, console.port)
        self._stops.append(running.stop)
        host = f"[{console.listen_ip}]" if ":" in console.listen_ip else console.listen_ip
        return f"http://{host}:{running.port}"


# -- pieces that commands use as well -------------------------------------------------------------------


def recordings_dir(settings: Settings) -> Path:
    """Tell where recordings lie."""
    return settings.site.data_dir / "recordings"


def workers_of(wish: int | Literal["auto"]) -> int:
    """Tell how many media planes a site has: by itself, one for each core but one."""
    return max(1, len(os.sched_getaffinity(0)) - 1) if wish == "auto" else wish


def make_store(settings: Settings, on_committed: Callable[[int], None]) -> Store:
    """Build the store of a site, creating its folders.

    :raises ConfigError: when the data folder cannot be written.
    """
    data_dir = settings.site.data_dir
    try:
        recordings_dir(settings).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the data folder {data_dir} cannot be used: {error.strerror}; set [site] data_dir to a folder "
            "on a local disk that this user may write"
        ) from error
    url = settings.store.url or f"sqlite:///{data_dir.absolute() / 'hotline.sqlite3'}"
    return Store(
        url,
        recordings_dir(settings),
        wall_now,
        on_committed,
        rules=lambda: read_rules(settings),
        time_zone=settings.site.time_zone,
    )


def read_rules(settings: Settings) -> Site:
    """Read the calendar and the limits of the site.

    :raises ConfigError: naming file, line, key and remedy.
    """
    folder = settings.site.config_dir
    calendar_file, limits_file = folder / CALENDAR_FILE, folder / LIMITS_FILE
    calendar = parse_calendar(read_text(calendar_file, "the calendar"), file=str(calendar_file))
    limits = parse_limits(read_text(limits_file, "the limits"), calendar, file=str(limits_file))
    return Site(limits, Clocks(WallClock(), calendar))


def check_rules(rules: Site, district: District, settings: Settings) -> None:
    """Check the limits against what else the site says: its units and its kinds.

    :raises ConfigError: naming file, key and remedy.
    """
    file = str(settings.site.config_dir / LIMITS_FILE)
    limits = rules.limits
    if limits.backstop and limits.backstop not in {unit.code for unit in district.units}:
        raise ConfigError(f"backstop: there is no unit {limits.backstop!r}; name one of this site", file=file)
    codes = [kind.code for kind in district.kinds]
    for prefix in limits.site_checks:
        if not any(code.startswith(prefix) for code in codes):
            raise ConfigError(f"site_checks: no kind of the catalogue begins with {prefix!r}", file=file)


async def _open(store: Store, district: District | None = None, rejected: Sequence[Rejected] = ()) -> None:
    """Open the store, and load the district where one is given.

    :raises OutsideError: naming the store.
    """
    try:
        await store.start()
        if district is not None:
            await store.seed(district, rejected)
    except OutsideError as error:
        raise OutsideError(f"{store.place}: {error}", permanent=error.permanent) from error


def make_desk(store: Store, passwords: Argon2Passwords, settings: Settings) -> Desk:
    """Build the desk on a store."""
    return Desk(
        store, passwords, lambda: secrets.token_urlsafe(32), wall_now, area_code=settings.sip.area_code
    )


@asynccontextmanager
async def open_store(settings: Settings, *, load: bool = False) -> AsyncIterator[tuple[Store, Desk]]:
    """Open the store for a command, beside a running product or without one.

    :param load: load the district's files as well. Commands that only look or act on people do not:
        they must work while a file is broken, and must not change what the running product knows.
    """
    district = read_district(settings) if load else None
    store = make_store(settings, lambda _position: None)
    try:
        await _open(store, *district) if district else await _open(store)
        yield store, make_desk(store, Argon2Passwords(), settings)
    finally:
        await store.stop()


def read_text(path: Path, what: str) -> str:
    """Read a file of the site.

    :raises ConfigError: naming the file when it is missing or unreadable.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{what} cannot be read: {error.strerror}", file=str(path)) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{what} is not UTF-8; save it as UTF-8", file=str(path), line=line) from error


def read_district(settings: Settings) -> tuple[District, tuple[Rejected, ...]]:
    """Read catalogue, regions, organisations and places of the site."""
    folder = settings.site.config_dir
    texts = {name: read_text(folder / name, "a file of the district") for name in DISTRICT_FILES}
    for name in OPTIONAL_FILES:
        if (folder / name).exists():
            texts[name] = read_text(folder / name, "a file of the district")
    try:
        district, rejected = read_district_texts(texts)
    except ConfigError as error:
        raise ConfigError(error.message, file=str(folder / error.file), line=error.line) from error
    return district, tuple(replace(line, file=str(folder / line.file)) for line in rejected)


def check_site(settings: Settings) -> None:
    """Check what can be known before anything is started: files that settings name, and letters.

    :raises ConfigError: naming the setting and the remedy.
    """
    if settings.speech.workers and settings.speech.model_dir is not None:
        try:
            find_model_blocking(settings.site.data_dir / "models", settings.speech.model_dir)
        except ConfigError as error:
            raise ConfigError(
                f"[speech] model_dir: {error.message}; name a folder of a faster-whisper model, or take the "
                "setting away to use the packaged one",
                file=error.file,
            ) from error
    LetterWriter(
        sender=settings.mail.sender,
        site_name=settings.site.name,
        base_url=settings.console.base_url or "http://127.0.0.1",
        time_zone=settings.site.time_zone,
    )
    read_password(settings.mail)
    check_tls(settings.sip)
