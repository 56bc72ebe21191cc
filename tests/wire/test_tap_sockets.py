"""Blocks of a tap on real sockets: a slow subscriber loses some and is told, one who has gone ends it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hotline.events.ids import CallId
from hotline.media.plan import Codec
from hotline.media.taps import TapBlock
from hotline.wire.tap_sockets import TapReceiver, TapSender

LEG = CallId("20261123-0001")


def a_block(n: int) -> TapBlock:
    return TapBlock(LEG, Codec.PCMA, 1600 * n, bytes([n % 256]) * 1600)


def test_blocks_arrive_in_order() -> None:
    async def body() -> None:
        sender = TapSender()
        async with TapReceiver() as receiver:
            for n in range(5):
                assert not sender.send([(receiver.path, a_block(n))])
            assert [await anext(receiver) for _ in range(5)] == [a_block(n) for n in range(5)]
        sender.close()

    asyncio.run(body())


def test_a_slow_subscriber_is_told_what_she_lost_and_nobody_waits() -> None:
    async def body() -> None:
        sender = TapSender()
        async with TapReceiver() as receiver:
            sent = 0
            while not sender._lost:
                assert not sender.send([(receiver.path, a_block(sent))])
                sent += 1
            for _ in range(4):
                sender.send([(receiver.path, a_block(sent))])
                sent += 1
            held = [await anext(receiver) for _ in range(sent - 5)]
            assert [block.start for block in held] == [1600 * n for n in range(sent - 5)]
            sender.send([(receiver.path, a_block(sent))])
            after = await anext(receiver)
            assert (after.start, after.lost) == (1600 * sent, 5)
        sender.close()

    asyncio.run(body())


def test_who_has_gone_is_told_of(tmp_path: Path) -> None:
    async def body() -> None:
        sender = TapSender()
        async with TapReceiver() as receiver:
            path = receiver.path
        nowhere = str(tmp_path / "nobody")
        assert sender.send([(path, a_block(0)), (nowhere, a_block(0)), (path, a_block(1))]) == {path, nowhere}
        assert not Path(path).parent.exists()
        sender.close()

    asyncio.run(body())


def test_what_is_no_block_is_skipped() -> None:
    async def body() -> None:
        sender = TapSender()
        async with TapReceiver() as receiver:
            sender._end.sendto(b"hello", receiver.path)
            sender.send([(receiver.path, a_block(1))])
            assert await anext(receiver) == a_block(1)
        sender.close()

    asyncio.run(body())
