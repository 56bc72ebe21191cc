"""The media plane as a process of its own: ``python -m hotline.wire.media_process FD``.

FD is its end of a SOCK_SEQPACKET pair; the first message there is Configure. No Twisted here: a
page, a query or a garbage collection of the product must never make a voice frame late. When the
other end closes, for whatever reason, all open recordings are sealed and the process ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import gc
import os
import resource
import secrets
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from hotline.errors import ConfigError
from hotline.media.plane import Plane
from hotline.media.ports import even_ports
from hotline.media.prompts import PromptBank
from hotline.sip.voice_terms import CODECS
from hotline.wire.media_loop import Control, MediaLoop
from hotline.wire.media_messages import Configure, PlaneReady, PlaneRefused
from hotline.wire.prompt_files import read_prompts_blocking
from hotline.wire.reactor import wall_now
from hotline.wire.recorder import Recorder
from hotline.wire.report_sockets import stamp_arrivals
from hotline.wire.srtp import LibSrtp
from hotline.wire.voice_codecs import available_codecs, make_coder

CONFIGURE_WAIT_S: Final = 10.0
SEAL_WAIT_S: Final = 4.0  # a restarted product waits a second longer for the lock
LOCK_FILE: Final = ".lock"  # of the first plane; the others' names go on with their numbers
LOCK_RETRY_S: Final = 0.05
PRIORITY: Final = 10  # of SCHED_RR; above ordinary tasks, below the kernel's own
NICE: Final = -15
SPARE_DESCRIPTORS: Final = 256
EXPEDITED: Final = 46 << 2  # DSCP EF for voice (RFC 4594, 4.1), in the upper six bits (RFC 2474, 3)
MCL_CURRENT: Final = 1  # mlockall(2)
MCL_ONFAULT: Final = 4
PR_SET_TIMERSLACK: Final = 29  # prctl(2)
SWITCH_INTERVAL_S: Final = 0.0005


def main() -> int:
    """Run the media plane on the descriptor that the command line names."""
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # these reach the whole group; the product says when to end
        signal.signal(number, signal.SIG_IGN)
    control = Control(socket.socket(fileno=int(sys.argv[1])))
    settings = _await_configure(control)
    if settings is None:
        return 0
    try:
        lock = _take_lock_blocking(Path(settings.recordings_dir), settings.number, settings.lock_wait_s)
        plane, sockets, prompts = _build_blocking(settings)
    except ConfigError as error:
        control.tell(PlaneRefused(error.message, error.file))
        return 1
    zone = ZoneInfo(settings.time_zone)
    recorder = Recorder(
        Path(settings.recordings_dir),
        lambda: wall_now().astimezone(zone).date().isoformat(),
        reserve_bytes=settings.reserve_bytes,
    )
    available_codecs()  # loads the libraries before the first call needs them
    loop = MediaLoop(plane, sockets, recorder, control)
    gc.collect()
    gc.freeze()
    refused = _ask_for_priority()
    if loop.without_reports:
        refused.append(f"RTCP at {loop.without_reports} ports: the one above each is taken")
    refused += [f"{name}: its library is missing" for name in CODECS if name not in available_codecs()]
    control.tell(PlaneReady(len(sockets), prompts, _scheduling(), tuple(refused)))
    try:
        loop.run_blocking()
    finally:  # whatever happened: what was said is sealed
        is_done = recorder.close_blocking(SEAL_WAIT_S)
        loop.tell_recorder_events()
        os.close(lock)
    return 0 if is_done else 1


def _await_configure(control: Control) -> Configure | None:
    deadline = time.monotonic() + CONFIGURE_WAIT_S
    while not control.is_over and (left := deadline - time.monotonic()) > 0:
        select.select([control], [], [], left)
        for message in control.read():
            if isinstance(message, Configure):
                return message
    return None


def _take_lock_blocking(folder: Path, number: int, wait_s: float) -> int:
    """Hold one plane's place in the recordings folder; wait for that of a killed product to seal its own."""
    deadline = time.monotonic() + wait_s
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / f"{LOCK_FILE}{number or ''}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise ConfigError(f"the recordings folder {folder} cannot be used: {error.strerror}") from error
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise ConfigError(
                    f"another media plane uses the recordings folder {folder}: "
                    "is hotline running already? stop it, or set another site.data_dir"
                ) from None
            time.sleep(LOCK_RETRY_S)
        else:
            return lock


def _build_blocking(settings: Configure) -> tuple[Plane, list[socket.socket], int]:
    bank = PromptBank(read_prompts_blocking(Path(settings.prompts_dir)))
    sockets: list[socket.socket] = []
    port_ips: list[str] = []
    for ip in settings.listen_ips:
        opened = open_ports(ip, settings.port_low, settings.port_high)
        sockets += opened
        port_ips += [ip] * len(opened)
    plane = Plane(
        local_ip=settings.listen_ips[0],
        ports=[end.getsockname()[1] for end in sockets],
        port_ips=port_ips,
        bank=bank,
        new_token=secrets.randbits,
        make_coder=make_coder,
        make_protection=LibSrtp,
        calls_per_port=settings.calls_per_port,
        hears_tones=settings.hears_tones,
    )
    return plane, sockets, len(bank)


def open_ports(listen_ip: str, port_low: int, port_high: int) -> list[socket.socket]:
    """Open the even UDP ports from ``port_low`` to ``port_high`` (RFC 3550, 11).

    :param listen_ip: of either family; an IPv6 one hears no IPv4.
    :raises ConfigError: when there is none, one is taken, or too many files would be open.
    """
    ports = even_ports(port_low, port_high)
    if not ports:
        raise ConfigError(
            f"there is no even port from media.port_low = {port_low} to media.port_high = {port_high}; "
            "widen the range"
        )
    _allow_files(2 * len(ports))  # RTCP has the ones above
    sockets: list[socket.socket] = []
    for port in ports:
        try:
            sockets.append(_open_port(listen_ip, port))
        except OSError as error:
            for opened in sockets:
                opened.close()
            remedy = (
                "see who has it with `ss -ulpn`, or set media.port_low and media.port_high to a free range"
            )
            if error.errno == errno.EADDRNOTAVAIL:
                remedy = "`ip address` shows those that this machine has: change [sip] listen_ip or listen"
            raise ConfigError(
                f"UDP port {port} of {listen_ip} cannot be opened for voice ({error.strerror}); {remedy}"
            ) from error
    return sockets


def _allow_files(more: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = len(os.listdir("/proc/self/fd")) + more + SPARE_DESCRIPTORS  # noqa: PTH208 - only their number
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _open_port(listen_ip: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen_ip else socket.AF_INET
    end = socket.socket(family, socket.SOCK_DGRAM)
    try:
        end.setblocking(False)
        with contextlib.suppress(OSError):  # a network that does not want it treats voice as the rest
            if family == socket.AF_INET6:
                end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, EXPEDITED)
            else:
                end.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED)
        if family == socket.AF_INET6:
            end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        stamp_arrivals(end)
        end.bind((listen_ip, port))
    except OSError:
        end.close()
        raise
    return end


def _scheduling() -> str:
    """Tell what was allowed."""
    if os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR:
        return f"SCHED_RR {os.sched_getparam(0).sched_priority}"
    return f"nice {os.getpriority(os.PRIO_PROCESS, 0)}"


def _ask_for_priority() -> list[str]:
    """Ask for what keeps frames punctual; give in words what the system refused."""
    refused: list[str] = []

    def attempt(what: str, action: Callable[[], object]) -> bool:
        try:
            action()
        except OSError as error:
            refused.append(f"{what}: {error.strerror}")
            return False
        return True

    libc = ctypes.CDLL(None, use_errno=True)

    def lock_memory() -> None:
        if libc.mlockall(MCL_CURRENT | MCL_ONFAULT) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    real_time = (
        os.SCHED_RR | os.SCHED_RESET_ON_FORK
    )  # the recorder's threads run already, at ordinary priority
    if not attempt(
        "real-time priority (CAP_SYS_NICE or LimitRTPRIO)",
        lambda: os.sched_setscheduler(0, real_time, os.sched_param(PRIORITY)),
    ):
        attempt("priority (LimitNICE)", lambda: os.setpriority(os.PRIO_PROCESS, 0, NICE))
    attempt("locked memory (LimitMEMLOCK)", lock_memory)
    return refused


if __name__ == "__main__":
    sys.exit(main())
