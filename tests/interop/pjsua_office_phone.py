"""A telephone on a desk: PJSIP through its Python binding (GPL, so in a process of its own), told what to do.

It takes the commands of office_phone.py and tells the same; of what it hears it names a sound file. It runs
in the environment of the second phone:

    .venv-phone/bin/python tests/interop/pjsua_office_phone.py --server 127.0.0.1:5061 --user 1001 \\
        --password X --tone 700 [--transport tls --authority ca.pem] [--srtp] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import sys
import time
from pathlib import Path
from typing import Any

import pjsua2 as pj

RATE_HZ, LOUDNESS = 8000, 6000
WRITTEN_S = 0.2
"""How long a sound file takes to be whole after its recorder has gone."""
TRANSPORTS = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS}
STATES = {pj.PJSIP_INV_STATE_CONFIRMED: "established", pj.PJSIP_INV_STATE_DISCONNECTED: "closed"}


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


class Call(pj.Call):
    """One call and its tone."""

    def __init__(self, phone: Phone, number: int, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone.account, call_id)
        self.phone, self.number, self.is_over = phone, number, False
        self.audio: Any = None
        self.recorder: Any = None
        self.tone = pj.ToneGenerator()
        self.tone.createToneGenerator(RATE_HZ, 1)
        wave = pj.ToneDesc()
        wave.freq1, wave.freq2, wave.on_msec, wave.off_msec = int(phone.options.tone), 0, 1000, 0
        wave.volume = LOUDNESS
        waves = pj.ToneDescVector()
        waves.append(wave)
        self.tone.play(waves, True)

    def onCallState(self, _prm: object) -> None:
        info = self.getInfo()
        self.is_over |= info.state == pj.PJSIP_INV_STATE_DISCONNECTED
        if info.state in STATES:
            say(event=STATES[info.state], call=self.number, status=info.lastStatusCode)

    def onCallMediaState(self, _prm: object) -> None:
        info = self.getInfo()  # its list of streams lives only as long as it does
        for number, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self.audio = self.getAudioMedia(number)
                self.tone.startTransmit(self.audio)

    def onCallTransferStatus(self, prm: Any) -> None:
        say(event="transfer", call=self.number, status=prm.statusCode)


class Account(pj.Account):
    """Registers, and takes note of calls that come in."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, prm: Any) -> None:
        say(event="registered" if prm.code == 200 else "refused", status=prm.code, reason=prm.reason)

    def onIncomingCall(self, prm: Any) -> None:
        call = self.phone.add(prm.callId)
        ringing = pj.CallOpParam()
        ringing.statusCode = pj.PJSIP_SC_RINGING
        call.answer(ringing)
        say(event="incoming", call=call.number, peer=call.getInfo().remoteUri)


class Phone:
    """PJSIP, set up as the command line says."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.calls: dict[int, Call] = {}
        self._due: list[tuple[float, Call, Path]] = []
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.logConfig.level = int(os.environ.get("PJSIP_LOG", "0"))
        config.logConfig.consoleLevel = 0  # stdout is for what we say
        config.logConfig.filename = os.environ.get("PJSIP_LOG_FILE", "")
        config.uaConfig.threadCnt = 0  # or PJSIP would call back into Python from a thread of its own
        config.medConfig.noVad = True
        config.medConfig.clockRate = config.medConfig.sndClockRate = RATE_HZ
        self.endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.boundAddress = "127.0.0.1"
        if options.authority:
            transport.tlsConfig.CaListFile = str(options.authority)
            transport.tlsConfig.verifyServer = True
        self.endpoint.transportCreate(TRANSPORTS[options.transport], transport)
        self.endpoint.audDevManager().setNullDev()
        self.endpoint.libStart()
        account = pj.AccountConfig()
        place = f"{options.server};transport={options.transport}"
        account.idUri = f"sip:{options.user}@{place}"
        account.regConfig.registrarUri = f"sip:{place}"
        account.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", options.user, 0, options.password))
        account.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY if options.prack else pj.PJSUA_100REL_OPTIONAL
        if options.srtp:
            account.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            account.mediaConfig.srtpSecureSignaling = 1
        self.account = Account(self)
        self.account.create(account)

    def add(self, call_id: int = pj.PJSUA_INVALID_ID) -> Call:
        number = len(self.calls) + 1
        self.calls[number] = Call(self, number, call_id)
        return self.calls[number]

    def run(self) -> int:
        os.set_blocking(sys.stdin.fileno(), False)
        selector = selectors.DefaultSelector()
        selector.register(sys.stdin, selectors.EVENT_READ)
        unread = b""
        while True:
            self.endpoint.libHandleEvents(10)
            self._tell_heard()
            if not selector.select(0):
                continue
            got = os.read(sys.stdin.fileno(), 4096)
            *lines, unread = (unread + got).split(b"\n")
            for line in lines:
                self._carry_out(line.decode().split())
            if not got or b"quit" in lines:
                sys.stdout.flush()
                self.endpoint.hangupAllCalls()
                for _ in range(20):
                    self.endpoint.libHandleEvents(10)
                os._exit(0)  # its destructors do not end reliably when Python's do

    def _carry_out(self, words: list[str]) -> None:
        if words == ["quit"]:
            return
        try:
            self._do(words)
        except pj.Error as error:
            say(event="failed", command=words, error=error.info())
        else:
            if words[0] != "hear":
                say(event="done", command=words)

    def _do(self, words: list[str]) -> None:
        verb, *rest = words
        prm = pj.CallOpParam(True)
        prm.opt.audioCount, prm.opt.videoCount = 1, 0
        if verb == "dial":
            call = self.add()
            call.makeCall(f"sip:{rest[0]}@{self.options.server};transport={self.options.transport}", prm)
            say(event="dialled", call=call.number)
            return
        call = self.calls[int(rest[0])]
        if verb == "hear":
            path = self.options.folder / f"{self.options.user}-{call.number}-{time.monotonic_ns()}.wav"
            call.recorder = pj.AudioMediaRecorder()
            call.recorder.createRecorder(str(path))
            call.audio.startTransmit(call.recorder)
            self._due.append((time.monotonic() + float(rest[1]), call, path))
            self._wanted = words
        elif verb == "answer":
            prm.statusCode = pj.PJSIP_SC_OK
            call.answer(prm)
        elif verb == "hang-up":
            call.hangup(pj.CallOpParam())
        elif verb == "hold":
            call.setHold(prm)
        elif verb == "resume":
            prm.opt.flag = pj.PJSUA_CALL_UNHOLD
            call.reinvite(prm)
        elif verb == "press":
            call.dialDtmf(rest[1])
        elif verb == "transfer":
            call.xfer(rest[1], pj.CallOpParam())
        elif verb == "join":
            call.xferReplaces(self.calls[int(rest[1])], pj.CallOpParam())

    def _tell_heard(self) -> None:
        now = time.monotonic()
        for due in [due for due in self._due if due[0] <= now]:
            self._due.remove(due)
            _, call, path = due
            if call.recorder is not None:
                call.recorder = None  # which has the file written to its end by the conference's own thread
                self._due.append((now + WRITTEN_S, call, path))
                continue
            say(event="done", command=self._wanted)
            say(event="heard", call=call.number, file=str(path))


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--server", required=True)
    arguments.add_argument("--user", required=True)
    arguments.add_argument("--password", required=True)
    arguments.add_argument("--tone", type=float, required=True)
    arguments.add_argument("--transport", choices=TRANSPORTS, default="udp")
    arguments.add_argument("--authority", type=Path, help="whose certificate is believed")
    arguments.add_argument("--srtp", action="store_true", help="SDES or nothing")
    arguments.add_argument("--prack", action="store_true", help="100rel is required")
    arguments.add_argument("--folder", type=Path, default=Path.cwd(), help="where sound files go")
    return Phone(arguments.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
