"""Debian's Kamailio on one loopback port: as a carrier (registrar and proxy), or before several of us."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

KAMAILIO = shutil.which("kamailio")
MODULES = Path("/usr/lib/x86_64-linux-gnu/kamailio/modules")
DOMAIN, PRIVATE_USER, PASSWORD = "ims.example", "+861065240001@private.example", "seven-secret-words"

CONFIG = """
#!KAMAILIO
debug=2
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:127.0.0.1:@PORT@
listen=tcp:127.0.0.1:@PORT@
alias="@DOMAIN@"
mpath="@MODULES@"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
modparam("rr", "enable_full_lr", 1)
modparam("registrar", "max_expires", @EXPIRES@)
modparam("usrloc", "db_mode", 0)

request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("OPTIONS")) { sl_send_reply("200", "Here"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
    if (has_totag()) {
        if (loose_route() || is_method("ACK")) { t_relay(); exit; }
        sl_send_reply("481", "Not Here");
        exit;
    }
    loose_route();  # a Route that names us: taken off
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("@DOMAIN@", "@PASSWORD@", "0")) { www_challenge("@DOMAIN@", "1"); exit; }
        if ($aU != "@PRIVATE_USER@") { sl_send_reply("403", "Not Your Line"); exit; }
        save("location");
        exit;
    }
    if (!is_method("INVITE")) { sl_send_reply("405", "Not Here"); exit; }
    record_route();
    if (lookup("location")) { t_relay(); exit; }
    if (!pv_proxy_authenticate("@DOMAIN@", "@PASSWORD@", "0")) { proxy_challenge("@DOMAIN@", "1"); exit; }
    consume_credentials();
    $du = "sip:127.0.0.1:@CALLEE@";
    t_relay();
}
"""


DISPATCHER = """
#!KAMAILIO
debug=2
log_stderror=yes
children=2
tcp_children=1
auto_aliases=no
listen=udp:127.0.0.1:@PORT@
mpath="@MODULES@"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "dispatcher.so"
modparam("rr", "enable_full_lr", 1)
modparam("tm", "fr_timer", 1000)        # a node that says nothing is dead
modparam("tm", "fr_inv_timer", 3000)    # and one that says 100 and nothing more died then: we answer at once
modparam("dispatcher", "list_file", "@FOLDER@/dispatcher.list")
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 2)
modparam("dispatcher", "ds_inactive_threshold", 1)

request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("OPTIONS")) { sl_send_reply("200", "Here"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
    if (has_totag()) {
        if (loose_route()) { t_relay(); exit; }
        if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
        sl_send_reply("481", "Not Here");
        exit;
    }
    if (!is_method("INVITE")) { sl_send_reply("405", "Not Here"); exit; }
    record_route();
    if (!ds_select_dst("1", "4")) { sl_send_reply("503", "No Node"); exit; }
    t_on_failure("NEXT");
    t_relay();
}

failure_route[NEXT] {
    if (t_is_canceled()) { exit; }
    if (t_check_status("503") || t_branch_timeout()) {
        if (ds_next_dst()) {
            t_on_failure("NEXT");
            t_relay();
        }
    }
}
"""


class Kamailio:
    """One Kamailio in a folder of its own.

    :param nodes: ports among which it shares the calls out, instead of being a carrier.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        callee: int = 9,
        expires_s: int = 3600,
        nodes: Sequence[int] = (),
    ) -> None:
        self.port = port
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        words = {
            "PORT": port,
            "DOMAIN": DOMAIN,
            "MODULES": MODULES,
            "EXPIRES": expires_s,
            "PASSWORD": PASSWORD,
            "PRIVATE_USER": PRIVATE_USER,
            "CALLEE": callee,
            "FOLDER": folder,
        }
        (folder / "dispatcher.list").write_text("".join(f"1 sip:127.0.0.1:{node}\n" for node in nodes))
        text = (DISPATCHER if nodes else CONFIG).lstrip()
        for name, word in words.items():
            text = text.replace(f"@{name}@", str(word))
        (folder / "kamailio.cfg").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        log = (self._folder / "log").open("ab")
        command = [str(KAMAILIO), "-f", str(self._folder / "kamailio.cfg"), "-DD", "-E"]
        command += ["-m", "32", "-M", "4", "-Y", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.2)

    def kill(self) -> None:
        """Pull its plug."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-4000:]

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.3)
            probe.connect(("127.0.0.1", self.port))
            port = probe.getsockname()[1]
            lines = [
                f"OPTIONS sip:127.0.0.1:{self.port} SIP/2.0",
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKprobe{port}",
                "From: <sip:probe@127.0.0.1>;tag=1",
                f"To: <sip:127.0.0.1:{self.port}>",
                f"Call-ID: probe{port}",
                "CSeq: 1 OPTIONS",
                "Max-Forwards: 10",
                "Content-Length: 0",
                "\r\n",
            ]
            try:
                probe.send("\r\n".join(lines).encode())
                return probe.recv(2048).startswith(b"SIP/2.0 200")
            except OSError:
                return False
