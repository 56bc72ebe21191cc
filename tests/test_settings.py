"""Settings: what is wrong is named with its place and its remedy."""

from pathlib import Path

import pytest

from hotline.errors import ConfigError
from hotline.settings import Settings, explain_settings, read_settings, split_listener

ROOT = Path(__file__).parent.parent


def complaint(text: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read_settings(text, environment or {}, file="hotline.toml")
    return str(caught.value)


def test_the_shipped_file_is_valid_and_says_what_the_defaults_say() -> None:
    text = (ROOT / "config" / "hotline.toml").read_text()
    assert read_settings(text, {}, file="config/hotline.toml") == Settings()


def test_the_environment_goes_above_the_file() -> None:
    settings = read_settings("[sip]\nport = 5060", {"HOTLINE__SIP__PORT": "5070", "HOME": "/"}, file="x")
    assert settings.sip.port == 5070


def test_a_list_in_the_environment_is_parted_by_commas() -> None:
    settings = read_settings("", {"HOTLINE__SIP__NUMBERS": "96156, 12345"}, file="x")
    assert settings.sip.numbers == ("96156", "12345")


def test_a_mistyped_key_is_named_with_line_and_suggestion() -> None:
    assert "'sip.prot' in line 2; did you mean 'port'?" in complaint("[sip]\nprot = 1")


def test_a_mistyped_section_in_the_environment_is_refused() -> None:
    assert "'sipp'" in complaint("", {"HOTLINE__SIPP__PORT": "1"})


def test_what_the_environment_says_wrongly_is_named_there() -> None:
    for name, value in (
        ("HOTLINE__SIP__PORT", "abc"),
        ("HOTLINE__SIP__PROT", "1"),
        ("HOTLINE__SIPP__PORT", "1"),
        ("HOTLINE__SIP__LISTEN_IP", "here"),
        ("HOTLINE__SIP", "1"),
    ):
        assert complaint("[sip]\nport = 5060", {name: value}).startswith(f"{name} in the environment: ")


def test_what_the_file_says_wrongly_is_not_blamed_on_the_environment() -> None:
    assert complaint("[sip]\nprot = 1", {"HOTLINE__SIP__PORT": "5070"}).startswith("hotline.toml: ")
    assert complaint("[media]\nport_low = 1\nport_high = 1", {"HOTLINE__SIP__PORT": "5070"}).startswith(
        "hotline.toml: "
    )


def test_a_value_where_a_section_belongs_is_told() -> None:
    assert "[sip]" in complaint("sip = 1", {"HOTLINE__SIP__PORT": "5070"})
    assert "sip" in complaint("sip = 1")


@pytest.mark.parametrize("zone", ["Mars/Crater", "", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    assert "Asia/Shanghai" in complaint(f'[site]\ntime_zone = "{zone}"')


def test_a_wrong_value_is_shown() -> None:
    said = complaint("[sip]\nport = 70000")
    assert "[sip] port" in said
    assert "70000" in said


def test_what_is_not_toml_says_where() -> None:
    assert "line 2" in complaint("[sip]\nport = = 1")


def test_an_open_console_without_https_is_refused_with_the_remedy() -> None:
    said = complaint('[console]\nlisten_ip = "0.0.0.0"')
    assert "secure_cookies = true" in said


def test_an_open_console_behind_https_is_allowed() -> None:
    text = '[console]\nlisten_ip = "0.0.0.0"\nsecure_cookies = true'
    assert read_settings(text, {}, file="x").console.secure_cookies


def test_no_number_to_answer_is_refused() -> None:
    assert "at least one number" in complaint("[sip]\nnumbers = []")


def test_an_empty_port_range_is_refused() -> None:
    assert "leaves no room" in complaint("[media]\nport_low = 20000\nport_high = 20000")


def test_the_page_of_settings_is_the_one_that_the_settings_write() -> None:
    """Made anew with `hotline config explain > docs/settings.md`."""
    assert (ROOT / "docs" / "settings.md").read_text() == explain_settings()


def test_every_setting_has_a_meaning() -> None:
    for section in Settings.model_fields.values():
        for name, setting in section.annotation.model_fields.items():  # type: ignore[union-attr]
            assert setting.description, name


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("listen_ip", "::", "name IPv6 addresses in"),
        ("listen_ip", "2001:db8::1", "name IPv6 addresses in"),
        ("listen_ip", "sip.example.org", "192.0.2.1"),
        ("listen_ip", "", "192.0.2.1"),
        ("listen_ip", "224.0.1.75", "0.0.0.0 for all"),
        ("public_ip", "2001:db8::1", "name IPv6 addresses in"),
        ("public_ip", "0.0.0.0", "callers reach"),
        ("public_ip", "224.0.1.75", "callers reach"),
    ],
)
def test_an_address_that_voice_cannot_use_is_refused(setting: str, value: str, remedy: str) -> None:
    told = complaint(f'[sip]\n{setting} = "{value}"')
    assert f"[sip] {setting}" in told
    assert remedy in told


def test_addresses_that_voice_can_use_are_taken() -> None:
    settings = read_settings('[sip]\nlisten_ip = "127.0.0.1"\npublic_ip = "192.0.2.1"', {}, file="x")
    assert (settings.sip.listen_ip, settings.sip.public_ip) == ("127.0.0.1", "192.0.2.1")


def test_places_to_listen_at_are_read() -> None:
    assert split_listener("udp:0.0.0.0:5060") == ("udp", "0.0.0.0", 5060)
    assert split_listener("tls:[2001:db8::1]:0") == ("tls", "2001:db8::1", 0)


@pytest.mark.parametrize(
    ("keys", "remedy"),
    [
        ('listen = ["192.0.2.1:5060"]', "write it as udp:192.0.2.1:5060"),
        ('listen = ["udp:::5060"]', "tls:[2001:db8::1]:5061"),
        ('listen = ["sctp:192.0.2.1:5060"]', "write it as udp:192.0.2.1:5060"),
        ('listen = ["udp:sip.example.org:5060"]', "write it as udp:192.0.2.1:5060"),
        ('listen = ["udp:192.0.2.1:70000"]', "write it as udp:192.0.2.1:5060"),
        ('listen = ["udp:224.0.1.75:5060"]', "0.0.0.0 for all"),
        ('listen = ["udp:192.0.2.1:5060", "udp:192.0.2.1:5060"]', "twice"),
        ('listen = ["tls:0.0.0.0:5061"]', "set tls_certificate and tls_key"),
        ('tls_key = "key.pem"', "name both"),
        ('tls_client = "required"', "set tls_certificate"),
        ('public_ip6 = "192.0.2.1"', "2001:db8::1"),
        ('public_ip6 = "::"', "2001:db8::1"),
    ],
)
def test_a_listener_that_cannot_work_is_refused(keys: str, remedy: str) -> None:
    told = complaint(f"[sip]\n{keys}")
    assert "[sip]" in told
    assert remedy in told


def test_as_many_calls_are_taken_as_there_are_ports_for() -> None:
    settings = read_settings("", {}, file="hotline.toml")
    assert (settings.media.voices, settings.max_calls) == (400, 200)
    few = read_settings("[media]\nport_low = 16001\nport_high = 16011", {}, file="hotline.toml")
    assert (few.media.voices, few.max_calls) == (5, 2)
    assert read_settings("[media]\nport_low = 4\nport_high = 5", {}, file="hotline.toml").max_calls == 1
    assert read_settings("[sip]\nmax_calls = 30", {}, file="hotline.toml").max_calls == 30


def test_more_calls_than_ports_are_refused_with_both_keys() -> None:
    told = complaint("[sip]\nmax_calls = 201")
    assert "[sip] max_calls = 201 takes 402 RTP ports" in told
    assert "has 400" in told
    assert "set port_high = 16802 or higher, or max_calls = 200" in told
    assert read_settings("[sip]\nmax_calls = 201\n[media]\nport_high = 16802", {}, file="h").max_calls == 201
