"""``hotline trunk``: how the lines stand, and their file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hotline.cli import app
from hotline.cli.trunks import duration, shown
from hotline.sip.trunk_calls import TrunkCounts
from hotline.sip.trunk_events import AccountView, ProxyView, TrunkView

VIEW = TrunkView(
    "telecom",
    "registered",
    "degraded",
    11_520.0,
    (
        ProxyView("sbc.example", "udp:10.0.0.1:5060", "up", 11_520.0, 3.2, 12.4),
        ProxyView("sbc2.example", "udp:10.0.0.2:5060", "silent", 62.0, None, None),
    ),
    (
        AccountView("sip:+861065240001@d.example", "registered", 600.0, 3000.0, "200 OK"),
        AccountView("sip:+861065240002@d.example", "refused", 60.0, None, "403 Forbidden"),
    ),
    4,
    30,
    812,
    3,
    1,
    ("sbc2.example (10.0.0.2:5060) answers nothing since 62 s",),
    TrunkCounts(
        calls_in=812,
        answered_in=800,
        abandoned_in=5,
        talked_in_seconds=800 * 200.0,
        calls_out=3,
        busy_out=1,
        server_failed_out=2,
        refused_in=1,
    ),
)
OPEN = TrunkView("local", "static", "open", 5.0, (), (), 0, 200, 7, 0, 0, ())


def site(folder: Path, trunks: str) -> list[str]:
    """Write a site's files; gives the option that names them."""
    (folder / "trunks.toml").write_text(trunks)
    settings = folder / "hotline.toml"
    settings.write_text(
        f'[site]\nconfig_dir = "{folder}"\ndata_dir = "{folder}"\n[sip]\nnumbers = ["96156"]\n'
    )
    return ["--config", str(settings)]


def test_a_trunk_is_shown_with_its_proxies_registrations_and_alarms() -> None:
    assert shown([asdict(OPEN), asdict(VIEW)], {}).splitlines() == [
        "local    open        static, 0 of 200 calls (in 7, out 0, refused 0)",
        "telecom  degraded    registered, for 3 h 12 min, 4 of 30 calls (in 812, out 3, refused 1)",
        "    in          800 of 812 answered (99 %), 3 min on average, 5 given up by the caller",
        "    out         0 of 3 answered (0 %), 1 busy, 2 failed at the carrier",
        "    up          udp:10.0.0.1:5060 answered 3 s ago, 12 ms",
        "    silent      udp:10.0.0.2:5060 never answered",
        "    registered  sip:+861065240001@d.example for another 50 min",
        "    refused     sip:+861065240002@d.example last: 403 Forbidden",
        "    ! sbc2.example (10.0.0.2:5060) answers nothing since 62 s",
    ]


def test_a_house_without_trunks_is_told_so() -> None:
    assert "nobody outside the house may call" in shown([], {})


def test_a_terminal_gets_colours() -> None:
    assert "<red>! sbc2" in shown([asdict(VIEW)], {"failure": "<red>", "end": "</>"})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h 0 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_length_of_time_is_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_status_asks_the_running_product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def __init__(self, _: Path) -> None: ...

        def __enter__(self) -> Client:
            return self

        def __exit__(self, *_: object) -> None: ...

        def ask(self, what: str) -> Any:
            return [asdict(VIEW)] if what == "trunks" else None

    monkeypatch.setattr("hotline.wire.control_client.ControlClient", Client)
    option = site(tmp_path, "")
    assert CliRunner().invoke(app, ["trunk", "status", *option]).output.startswith("telecom  degraded")
    told = json.loads(CliRunner().invoke(app, ["trunk", "status", "--json", *option]).output)
    assert told[0]["proxies"][1]["state"] == "silent"


def test_check_tells_what_the_file_says(tmp_path: Path) -> None:
    option = site(
        tmp_path,
        '[trunks.unicom]\nproxies = ["10.33.0.1"]\nnetworks = ["10.33.0.0/28"]\n'
        'caller_numbers = ["65240000"]\n'
        '[trunks.local]\nnetworks = ["127.0.0.1"]\nnumbers = ["96156"]\n'
        '[trunks.t]\nmode = "registered"\nproxies = ["10.1.1.1:5070;tcp"]\n'
        'user = "u"\ncontact_user = "96156"\nregistrar = "r.example"\n',
    )
    result = CliRunner().invoke(app, ["trunk", "check", *option])
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            "unicom: static, 30 calls, 5 a second",
            "    calls in from 10.33.0.0/28, to all our numbers",
            "    calls out show +861065240000",
            "    proxy 10.33.0.1: udp:10.33.0.1:5060",
            "local: static, 30 calls, 5 a second",
            "    calls in from 127.0.0.1/32, to 96156",
            "    no calls out: that takes proxies and caller_numbers",
            "t: registered, 30 calls, 5 a second",
            "    calls in from its proxies alone, to all our numbers",
            "    no calls out: that takes proxies and caller_numbers",
            "    registers sip:u@r.example at r.example",
            "    proxy 10.1.1.1:5070;tcp: tcp:10.1.1.1:5070",
            "! [trunks.local] networks holds 127.0.0.1/32, and with it this machine: whoever works on it, or "
            "calls through a proxy on it, calls as this trunk; what he says of himself in "
            "P-Asserted-Identity is not believed (trusts_identity)",
            f"{tmp_path}/trunks.toml: 3 trunks, no complaints about the file",
        ],
    )


def test_check_fails_for_a_name_that_leads_nowhere(tmp_path: Path) -> None:
    text = '[trunks.t]\nproxies = ["sbc.invalid:5060"]\ndns_servers = ["127.0.0.1:9"]\n'
    result = CliRunner().invoke(app, ["trunk", "check", *site(tmp_path, text)])
    assert result.exit_code == 1
    assert "proxy sbc.invalid:5060: no name server" in result.output
    assert CliRunner().invoke(app, ["trunk", "check", "--no-names", *site(tmp_path, text)]).exit_code == 0


def test_check_names_file_line_and_remedy(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["trunk", "check", *site(tmp_path, "[trunks.t]\nproxys = ['a']\n")])
    assert "trunks.toml:2: [trunks.t] proxys: unknown key; did you mean 'proxies'?" in str(result.exception)


def test_check_warns_of_encryption_whose_keys_anybody_reads(tmp_path: Path) -> None:
    text = '[trunks.t]\nproxies = ["192.0.2.1;udp"]\nsrtp = "optional"\n'
    result = CliRunner().invoke(app, ["trunk", "check", "--no-names", *site(tmp_path, text)])
    [warning] = [line for line in result.output.splitlines() if line.startswith("! ")]
    assert "the keys of the voice in the clear through 192.0.2.1;udp: reach each proxy by ;tls" in warning
    assert result.exit_code == 0  # a warning, as for open addresses: some carriers have nothing better
