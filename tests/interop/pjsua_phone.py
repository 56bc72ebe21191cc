"""A phone that we did not write: PJSIP through its own Python binding (GPL, so in a process of its own).

It dials or waits for a call, plays a sound file, records what it hears, presses keys, and says what
happens as one JSON object a line. It runs in the environment of the second phone:

    .venv-phone/bin/python tests/interop/pjsua_phone.py --dial sip:96156@127.0.0.1:5060 --speak a.wav \\
        --heard heard.wav [--press 2:1] [--for 8] [--prack] [--timer 90] [--srtp] [--transport tls]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pjsua2 as pj

TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
    "udp6": pj.PJSIP_TRANSPORT_UDP6,
}


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


class Call(pj.Call):
    """One call, its player and its recorder."""

    def __init__(self, phone: Phone, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone.account, call_id)
        self.phone, self.is_over, self.answered_at = phone, False, 0.0
        self.player: Any = None
        self.recorder: Any = None

    def onCallState(self, _prm: object) -> None:
        info = self.getInfo()
        say(event=info.stateText.lower(), status=info.lastStatusCode, reason=info.lastReason)
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.answered_at = time.monotonic()
        self.is_over |= info.state == pj.PJSIP_INV_STATE_DISCONNECTED

    def onCallMediaState(self, _prm: object) -> None:
        info = self.getInfo()  # its list of streams lives only as long as it does
        for number, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO or media.status != pj.PJSUA_CALL_MEDIA_ACTIVE:
                continue
            audio = self.getAudioMedia(number)
            stream = self.getStreamInfo(number)
            say(event="media", codec=stream.codecName, rate_hz=stream.codecClockRate, srtp=stream.proto)
            if self.phone.options.speak and self.player is None:
                self.player = pj.AudioMediaPlayer()
                self.player.createPlayer(str(self.phone.options.speak), 0)
            if self.player is not None:
                self.player.startTransmit(audio)
            if self.phone.options.heard and self.recorder is None:
                self.recorder = pj.AudioMediaRecorder()
                self.recorder.createRecorder(str(self.phone.options.heard))
            if self.recorder is not None:
                audio.startTransmit(self.recorder)


class Account(pj.Account):
    """Takes calls that come in, when it is told to."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, prm: Any) -> None:
        say(event="registered", status=prm.code, reason=prm.reason)

    def onIncomingCall(self, prm: Any) -> None:
        call = Call(self.phone, prm.callId)
        say(event="ringing", remote=call.getInfo().remoteUri)
        self.phone.calls.append(call)
        answer = pj.CallOpParam()
        answer.statusCode = pj.PJSIP_SC_OK
        call.answer(answer)


class Phone:
    """PJSIP, set up as the command line says."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.calls: list[Call] = []
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.logConfig.level = config.logConfig.consoleLevel = int(os.environ.get("PJSIP_LOG", "0"))
        config.uaConfig.threadCnt = 0  # or PJSIP would call back into Python from a thread of its own
        config.medConfig.noVad = True
        config.medConfig.clockRate = config.medConfig.sndClockRate = int(
            options.codec.partition("/")[2] or 8000
        )
        self.endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.port = options.port
        if options.transport != "udp6":
            transport.boundAddress = "127.0.0.1"
        if options.transport == "tls":
            transport.tlsConfig.verifyServer = False
        self.endpoint.transportCreate(TRANSPORTS[options.transport], transport)
        self.endpoint.audDevManager().setNullDev()
        for codec in self.endpoint.codecEnum2():
            wanted = options.codec.lower() in codec.codecId.lower()
            self.endpoint.codecSetPriority(codec.codecId, 255 if wanted else 0)
        self.endpoint.libStart()
        self.account = Account(self)
        self.account.create(self._account_config())

    def _account_config(self) -> Any:
        options = self.options
        config = pj.AccountConfig()
        config.idUri = f"sip:{options.caller}@{options.domain}"
        if options.register:
            config.regConfig.registrarUri = options.register
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", options.caller, 0, options.password)
            )
        config.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY if options.prack else pj.PJSUA_100REL_OPTIONAL
        if options.timer:
            config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
            config.callConfig.timerMinSESec = 90
            config.callConfig.timerSessExpiresSec = options.timer
        if options.srtp:
            config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            config.mediaConfig.srtpSecureSignaling = 0
        if options.transport == "udp6":
            config.sipConfig.ipv6Use = pj.PJSUA_IPV6_ENABLED_USE_IPV6_ONLY
            config.mediaConfig.ipv6Use = pj.PJSUA_IPV6_ENABLED_USE_IPV6_ONLY
        return config

    def run(self) -> int:
        options = self.options
        if options.dial:
            call = Call(self)
            self.calls.append(call)
            prm = pj.CallOpParam(True)
            prm.opt.audioCount, prm.opt.videoCount = 1, 0
            call.makeCall(options.dial, prm)
        presses = [(float(at), key) for at, _, key in (word.partition(":") for word in options.press)]
        holds = [(float(at), what) for at, _, what in (word.partition(":") for word in options.do)]
        until = time.monotonic() + options.longest
        while time.monotonic() < until and not (self.calls and self.calls[0].is_over):
            self.endpoint.libHandleEvents(10)
            talking = next((call for call in self.calls if call.answered_at and not call.is_over), None)
            if talking is None:
                continue
            talked = time.monotonic() - talking.answered_at
            while presses and talked >= presses[0][0]:
                say(event="pressing", key=presses[0][1])
                talking.dialDtmf(presses.pop(0)[1])
            while holds and talked >= holds[0][0]:
                self._do(talking, holds.pop(0)[1])
            if options.hang_up_after and talked > options.hang_up_after:
                talking.hangup(pj.CallOpParam())
                options.hang_up_after = 0.0
        answered = any(call.answered_at for call in self.calls)
        say(event="ended", answered=answered)
        self.calls.clear()
        self.endpoint.hangupAllCalls()
        for _ in range(20):
            self.endpoint.libHandleEvents(10)
        sys.stdout.flush()
        os._exit(0 if answered else 1)  # its destructors do not end reliably when Python's do

    def _do(self, call: Call, what: str) -> None:
        say(event="doing", what=what)
        prm = pj.CallOpParam(True)
        if what == "hold":
            call.setHold(prm)
        elif what == "resume":
            prm.opt.flag = pj.PJSUA_CALL_UNHOLD
            call.reinvite(prm)
        elif what == "update":
            call.update(prm)
        elif what.startswith("transfer="):
            call.xfer(what.removeprefix("transfer="), pj.CallOpParam())


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--dial", default="", help="URI to call; empty: wait for a call")
    arguments.add_argument("--register", default="", help="URI of the registrar")
    arguments.add_argument("--caller", default="01064000001")
    arguments.add_argument("--password", default="")
    arguments.add_argument("--domain", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--transport", choices=TRANSPORTS, default="udp")
    arguments.add_argument("--codec", default="PCMA/8000")
    arguments.add_argument("--prack", action="store_true", help="Require: 100rel")
    arguments.add_argument("--timer", type=int, default=0, help="Session-Expires in seconds")
    arguments.add_argument("--srtp", action="store_true", help="SDES or nothing")
    arguments.add_argument("--press", action="append", default=[], help="SECONDS:KEY after the answer")
    arguments.add_argument(
        "--do", action="append", default=[], help="SECONDS:hold|resume|update|transfer=URI after the answer"
    )
    arguments.add_argument("--speak", type=Path)
    arguments.add_argument("--heard", type=Path)
    arguments.add_argument("--hang-up-after", type=float, default=0.0)
    arguments.add_argument("--longest", type=float, default=60.0)
    return Phone(arguments.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
