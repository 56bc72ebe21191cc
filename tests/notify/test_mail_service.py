"""The mail service against a real SMTP server on loopback that answers as told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from notify_builders import AT, MemoryPost, a_letter, a_relay, a_service, a_writer

from hotline.errors import ConfigError
from hotline.notify import service as service_module
from hotline.notify.relay import Relay, read_password
from hotline.settings import MailSettings


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """The waits themselves are tested in test_retries.py."""
    monkeypatch.setattr(service_module, "wait_after", lambda tries: 0.02)
    monkeypatch.setattr(service_module, "UNCERTAIN_S", 0.02)
    monkeypatch.setattr(service_module, "STORE_WAIT_S", 0.02)


def fate(post, notice_id=7):
    return [name for name, _ in post.fates[notice_id]]


def is_over(post):
    return all(fates and fates[-1][0] in ("sent", "failed") for fates in post.fates.values())


def run(scenario):
    asyncio.run(scenario())


def test_letter_arrives_with_its_message_id_and_the_answer_is_kept():
    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay() as (relay, port), a_service(post, port):
            await post.until(is_over)
        assert post.fates[7] == [("sent", "250 2.0.0 queued as 4711")]
        (mail,) = relay.taken
        assert mail["Message-ID"] == a_writer().message_id(a_letter())
        assert relay.recipients == ["street-005@dongcheng.example"]

    run(scenario)


def test_letter_that_is_added_later_wakes_the_service():
    async def scenario():
        post = MemoryPost()
        async with a_relay() as (relay, port), a_service(post, port):
            await asyncio.sleep(0)
            post.add(a_letter(8))
            await post.until(is_over, longest_s=3)
        assert len(relay.taken) == 1

    run(scenario)


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_refused_letter_fails_at_once(command):
    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay((command, "550 5.1.1 no such mailbox")) as (relay, port), a_service(post, port):
            await post.until(is_over)
        assert fate(post) == ["failed"]
        assert "550 5.1.1 no such mailbox" in post.fates[7][0][1]
        assert relay.taken == []

    run(scenario)


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_letter_that_is_put_off_is_tried_again(command):
    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay(*[(command, "451 4.7.1 greylisted")] * 2) as (relay, port), a_service(post, port):
            await post.until(is_over)
        assert fate(post) == ["delayed", "delayed", "sent"]
        assert len(relay.taken) == 1

    run(scenario)


def test_exactly_one_copy_arrives_after_an_outage():
    async def scenario():
        async with a_relay() as (_, port):
            pass  # now nobody listens there
        post = MemoryPost(a_letter(7), a_letter(8))
        async with a_service(post, port):
            await post.until(lambda p: len(p.fates[7]) >= 3 and len(p.fates[8]) >= 1)
            async with a_relay(port=port) as (relay, _):
                await post.until(is_over)
        assert fate(post, 7)[-1] == fate(post, 8)[-1] == "sent"
        assert len(relay.taken) == 2
        assert len({mail["Message-ID"] for mail in relay.taken}) == 2

    run(scenario)


@pytest.mark.parametrize("step", [("MAIL", "hang"), ("MAIL", "close"), ("RCPT", "hang"), ("RCPT", "close")])
def test_relay_that_fails_before_the_letter_gets_it_once_later(step):
    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay(step) as (relay, port), a_service(post, port, timeout_s=0.2):
            await post.until(is_over)
        assert fate(post) == ["delayed", "sent"]
        assert "cannot be used" in post.fates[7][0][1]
        assert len(relay.taken) == 1

    run(scenario)


@pytest.mark.parametrize(
    "answer", ["530 5.7.0 must authenticate", "553 5.7.1 sender refused", "421 4.3.2 closing"]
)
def test_fault_of_our_settings_kills_no_letter(answer):
    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay(("MAIL", answer)) as (_, port), a_service(post, port):
            await post.until(is_over)
        assert fate(post) == ["delayed", "sent"]
        assert answer in post.fates[7][0][1]

    run(scenario)


def test_lost_answer_leads_to_one_repeat_under_the_same_message_id():
    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay(("DATA", "lose")) as (relay, port), a_service(post, port):
            await post.until(is_over)
        assert fate(post) == ["delayed", "sent"]
        assert "did not confirm" in post.fates[7][0][1]
        assert len(relay.taken) == 2
        assert len({mail["Message-ID"] for mail in relay.taken}) == 1

    run(scenario)


def test_third_copy_is_never_sent():
    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay(*[("DATA", "lose")] * 5) as (relay, port), a_service(post, port):
            await post.until(is_over)
        assert fate(post) == ["delayed", "failed"]
        assert len(relay.taken) == 2

    run(scenario)


def test_letter_is_not_sent_again_when_the_store_could_not_note_it():
    async def scenario():
        post = MemoryPost(a_letter())
        post.broken = 3
        async with a_relay() as (relay, port), a_service(post, port):
            await post.until(is_over)
        assert fate(post) == ["sent"]
        assert len(relay.taken) == 1

    run(scenario)


def test_letter_that_is_no_longer_wanted_is_not_sent():
    async def scenario():
        post = MemoryPost(a_letter())
        del post.letters[7]
        async with a_relay() as (relay, port), a_service(post, port):
            await post.until(is_over)
        assert fate(post) == ["failed"]
        assert relay.sessions == 0

    run(scenario)


def test_letters_wait_while_no_relay_is_set(monkeypatch):
    monkeypatch.setattr(service_module, "NO_RELAY_S", 0.02)

    async def scenario():
        post = MemoryPost(a_letter())
        async with a_service(post, 0, host=""):
            await post.until(lambda p: len(p.fates[7]) >= 3)
        assert set(post.fates[7]) == {("delayed", service_module.NO_RELAY)}

    run(scenario)


def test_sick_relay_is_probed_by_one_letter_while_the_others_are_told_why(monkeypatch):
    monkeypatch.setattr(service_module, "wait_after", lambda tries: 30.0)

    async def scenario():
        post = MemoryPost(*(a_letter(n) for n in range(1, 6)))
        async with a_relay(*[("MAIL", "421 4.3.2 closing")] * 9) as (relay, port), a_service(post, port):
            await post.until(lambda p: all(p.fates.values()))
        assert relay.sessions == 1
        assert {words for fates in post.fates.values() for _, words in fates} == {post.fates[1][0][1]}

    run(scenario)


def test_letter_is_given_up_after_a_day_and_a_fair_number_of_tries():
    async def scenario():
        post = MemoryPost(a_letter())
        steps = [("RCPT", "450 4.2.0 later")] * 50
        async with a_relay(*steps) as (_, port), a_service(post, port, at=lambda: AT + timedelta(days=2)):
            await post.until(is_over)
        assert fate(post) == ["delayed"] * (service_module.FAIR_TRIES - 1) + ["failed"]

    run(scenario)


def test_address_that_cannot_be_used_fails_without_the_relay():
    async def scenario():
        post = MemoryPost(a_letter(to_address="nobody"))
        async with a_relay() as (relay, port), a_service(post, port):
            await post.until(is_over)
        assert fate(post) == ["failed"]
        assert relay.sessions == 0

    run(scenario)


def test_broken_letter_does_not_silence_the_others():
    async def scenario():
        post = MemoryPost(a_letter(1, called_at=None), a_letter(2))
        async with a_relay() as (_, port), a_service(post, port):
            await post.until(lambda p: p.fates[1] and p.fates[2])
        assert post.fates[1][0] == ("delayed", service_module.OUR_FAULT)
        assert fate(post, 2) == ["sent"]

    run(scenario)


def test_stop_lets_the_running_delivery_finish():
    async def scenario():
        post = MemoryPost(a_letter(7), a_letter(8))
        async with a_relay(("MAIL", "hang")) as (relay, port), a_service(post, port, timeout_s=5.0):
            await relay.greeted.wait()
            asyncio.get_running_loop().call_soon(relay.released.set)
        assert (fate(post, 7), fate(post, 8)) == (["sent"], [])
        assert len(relay.taken) == 1

    run(scenario)


def test_stop_cuts_a_delivery_that_hangs(monkeypatch):
    monkeypatch.setattr(service_module, "STOP_S", 0.05)

    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay(("MAIL", "hang")) as (relay, port), a_service(post, port, timeout_s=60.0):
            await relay.greeted.wait()
        assert fate(post) == []

    run(scenario)


def test_starttls_that_the_relay_does_not_offer_sends_nothing():
    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay() as (relay, port), a_service(post, port, security="starttls"):
            await post.until(lambda p: p.fates[7])
        assert relay.taken == []
        assert fate(post)[0] == "delayed"

    run(scenario)


def test_tls_to_a_relay_that_speaks_none_sends_nothing():
    async def scenario():
        post = MemoryPost(a_letter())
        async with a_relay() as (relay, port), a_service(post, port, security="tls", timeout_s=0.2):
            await post.until(lambda p: p.fates[7])
        assert relay.taken == []
        assert fate(post)[0] == "delayed"

    run(scenario)


def test_ehlo_names_the_senders_host():
    async def scenario():
        names = []

        async def note(server, session, envelope, hostname, responses):
            names.append(hostname)
            session.host_name = hostname
            return responses

        post = MemoryPost(a_letter())
        async with a_relay() as (relay, port):
            relay.handle_EHLO = note
            async with a_service(post, port):
                await post.until(is_over)
        assert names == ["96156.example"]

    run(scenario)


def test_password_comes_from_its_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("secret\n")
    assert read_password(MailSettings(host="h", user="u", password_file=file)) == "secret"
    assert read_password(MailSettings(host="h")) is None


@pytest.mark.parametrize("content", [None, "", b"\xff\xfe"])
def test_missing_password_is_the_sites_mistake(tmp_path, content):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match="password_file"):
        Relay(MailSettings(host="h", user="u", password_file=file), "96156.example")


def test_user_without_a_password_file_is_the_sites_mistake():
    with pytest.raises(ConfigError, match="password_file"):
        MailSettings(host="h", user="u") and read_password(MailSettings(host="h", user="u"))
