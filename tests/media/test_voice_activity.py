"""Who speaks, for many calls at once."""

import numpy as np

from hotline.media.g711 import codec_index, encode
from hotline.media.plan import Codec
from hotline.media.vad import HANG_OVER_FRAMES, VoiceActivity

ALAW, ULAW = codec_index(Codec.PCMA), codec_index(Codec.PCMU)


def frames(level: float, count: int, codec: Codec = Codec.PCMA, seed: int = 1) -> np.ndarray:
    """Noise of so much of full scale (root mean square)."""
    sound = np.random.default_rng(seed).normal(0, level * 32768, (count, 160))
    return encode(np.clip(sound, -32768, 32767).astype(np.int16), codec)


def run(voice: VoiceActivity, sound: np.ndarray, slot: int = 0, codec: int = ALAW) -> list[bool]:
    return [
        (voice.feed(np.array([slot]), row[None], np.array([codec], np.uint8)), bool(voice.is_speech[slot]))[1]
        for row in sound
    ]


def test_silence_is_no_speech() -> None:
    assert not any(run(VoiceActivity(1), np.full((100, 160), 0xD5, np.uint8)))


def test_a_quiet_line_is_no_speech() -> None:
    assert not any(run(VoiceActivity(1), frames(0.0008, 500)))


def test_speech_begins_within_two_frames() -> None:
    voice = VoiceActivity(1)
    run(voice, frames(0.0008, 50))
    assert run(voice, frames(0.05, 3)) == [False, True, True]


def test_speech_ends_three_hundred_milliseconds_after_the_last_word() -> None:
    voice = VoiceActivity(1)
    run(voice, frames(0.0008, 50))
    run(voice, frames(0.05, 50))
    after = run(voice, frames(0.0008, 50))
    assert after.index(False) == HANG_OVER_FRAMES - 1 or after.index(False) == HANG_OVER_FRAMES


def test_a_click_is_no_speech() -> None:
    voice = VoiceActivity(1)
    run(voice, frames(0.0008, 50))
    assert not any(run(voice, np.vstack([frames(0.3, 1), frames(0.0008, 30)])))


def test_a_steady_noise_is_learned() -> None:
    voice = VoiceActivity(1)
    told = run(voice, frames(0.02, 1000))
    assert not any(told[-300:])


def test_only_changes_are_told() -> None:
    voice = VoiceActivity(4)
    slots, codecs = np.array([1, 3]), np.array([ALAW, ALAW], np.uint8)
    loud, quiet = frames(0.05, 1)[0], np.full(160, 0xD5, np.uint8)
    voice.feed(slots, np.stack([loud, quiet]), codecs)
    assert voice.feed(slots, np.stack([loud, quiet]), codecs).tolist() == [1]
    assert voice.feed(slots, np.stack([loud, quiet]), codecs).tolist() == []


def test_both_laws_are_judged_alike_in_one_batch() -> None:
    mixed, alone = VoiceActivity(2), VoiceActivity(2)
    a, u = frames(0.01, 60, Codec.PCMA), frames(0.01, 60, Codec.PCMU)
    codecs = np.array([ALAW, ULAW], np.uint8)
    for row_a, row_u in zip(a, u, strict=True):
        mixed.feed(np.array([0, 1]), np.stack([row_a, row_u]), codecs)
        alone.feed(np.array([0]), row_a[None], codecs[:1])
        alone.feed(np.array([1]), row_u[None], codecs[1:])
        assert (mixed.is_speech == alone.is_speech).all()


def test_a_new_call_starts_afresh() -> None:
    voice = VoiceActivity(1)
    run(voice, frames(0.05, 10))
    voice.reset(0)
    assert not voice.is_speech[0]
