"""Who speaks, for many calls at once."""

import numpy as np
import pytest
from keypad import PROMPTS, at_speed, load, to_samples

from hotline.media.g711 import codec_index, decode, encode
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


def talk_with_pauses(snr_db: float, noise_of: str) -> tuple[np.ndarray, np.ndarray]:
    """Mandarin prompts with pauses of 1.2 to 2.4 s between them, in noise; and the power without."""
    chance = np.random.default_rng(5)
    parts: list[np.ndarray] = []
    for path in sorted(PROMPTS.glob("zh/*.wav"))[:40]:
        voice = at_speed(*load(path), 1.0)
        voice = voice[: len(voice) // 160 * 160]
        if not voice.any():
            continue
        parts += [np.zeros(160 * int(chance.integers(60, 120))), voice / np.sqrt(np.mean(voice**2)) * 0.05]
    clean = np.concatenate(parts)
    noise = chance.normal(0, 1, len(clean))
    if noise_of == "street":  # slow rise and fall, most of it low
        noise = np.convolve(noise, np.ones(6), "same")
        slow = np.convolve(chance.normal(0, 1, len(clean) // 160 + 50), np.ones(50) / 7, "valid")
        noise *= 10 ** (np.repeat(slow, 160)[: len(clean)] / 10)
    noise *= 0.05 / np.sqrt(np.mean(noise**2)) * 10 ** (-snr_db / 20)
    return encode(to_samples(clean + noise), Codec.PCMA).reshape(-1, 160), (clean.reshape(-1, 160) ** 2).mean(
        1
    )


@pytest.mark.parametrize("noise_of", ["line", "street"])
@pytest.mark.parametrize(("snr_db", "least", "most"), [(40, 0.99, 0.02), (20, 0.92, 0.02), (10, 0.82, 0.08)])
def test_speech_is_heard_and_pauses_are_pauses(
    snr_db: float, least: float, most: float, noise_of: str
) -> None:
    sound, power = talk_with_pauses(snr_db, noise_of)
    told = np.array(run(VoiceActivity(1), sound))
    is_voiced = power > 6e-5  # 16 dB below the voice's mean
    is_near = np.convolve(is_voiced, np.ones(HANG_OVER_FRAMES + 6))[: len(told)] > 0
    is_pause = ~is_near & (power == 0)
    assert told[is_voiced].mean() >= least
    assert told[is_pause].mean() <= most
    assert is_pause.sum() > 1000


def test_who_falls_silent_is_found_out_in_noise_too() -> None:
    """Each pause of more than a second is told as one, so that a recording ends by itself in noise, too."""
    for noise_of in ("line", "street"):
        sound, power = talk_with_pauses(15, noise_of)
        told = np.array(run(VoiceActivity(1), sound))
        pauses = np.split(np.arange(len(power)), np.nonzero(np.diff((power > 0).astype(int)))[0] + 1)
        pauses = [frames for frames in pauses if power[frames[0]] == 0 and len(frames) > 55]
        assert len(pauses) > 30
        assert sum(not told[frames].all() for frames in pauses) >= 0.95 * len(pauses)


def test_power_is_that_of_the_frame() -> None:
    voice = VoiceActivity(1)
    power = voice.measure(np.array([0]), frames(0.1, 1), np.array([ALAW], np.uint8))
    assert abs(float(power[0]) - 0.01) < 0.004
    assert voice.power[0] == power[0]


def hum(level_dbov: float, count: int, *, hz: float = 50.0, noise: float = 0.0005) -> np.ndarray:
    """Mains hum with its harmonics, on a line with a little noise, as frames of samples."""
    at = np.arange(count * 160) / 8000
    parts = ((1, 1.0), (2, 0.6), (3, 0.3))
    sound = sum(share * np.sin(2 * np.pi * n * hz * at + n) for n, share in parts)
    sound *= 10 ** (level_dbov / 20) / np.sqrt(np.mean(sound**2))
    sound += np.random.default_rng(2).normal(0, noise, len(sound))
    rows: np.ndarray = sound.reshape(-1, 160)
    return rows


@pytest.mark.parametrize("codec", [Codec.PCMA, Codec.PCMU])
@pytest.mark.parametrize("hz", [49.8, 50.0, 50.2])
@pytest.mark.parametrize("level_dbov", [-40, -30, -22])
def test_hum_of_the_mains_is_no_speech_from_its_first_frame_on(
    level_dbov: float, hz: float, codec: Codec
) -> None:
    told = run(
        VoiceActivity(1), encode(to_samples(hum(level_dbov, 200, hz=hz)), codec), codec=codec_index(codec)
    )
    assert not any(told)


def test_a_voice_above_hum_is_heard_and_its_pauses_are_pauses() -> None:
    sound, power = talk_with_pauses(40, "line")
    clean = decode(sound, Codec.PCMA).astype(float) / 32768
    told = np.array(run(VoiceActivity(1), encode(to_samples(clean + hum(-30, len(clean))), Codec.PCMA)))
    is_voiced = power > 6e-5
    is_near = np.convolve(is_voiced, np.ones(HANG_OVER_FRAMES + 6))[: len(told)] > 0
    assert told[is_voiced].mean() >= 0.95
    assert told[~is_near & (power == 0)].mean() <= 0.02


def test_hum_costs_a_voice_next_to_nothing() -> None:
    """What is heard of Mandarin prompts is the same with the hum taken out and without, to a percent."""
    sound, power = talk_with_pauses(40, "line")
    voice, codecs, slots = VoiceActivity(1), np.array([ALAW], np.uint8), np.array([0])
    told = np.array(
        [
            (voice.judge(slots, voice.measure(slots, row[None], codecs)), bool(voice.is_speech[0]))[1]
            for row in sound
        ]
    )
    is_voiced = power > 6e-5
    with_hum_out = np.array(run(VoiceActivity(1), sound))
    assert with_hum_out[is_voiced].mean() >= told[is_voiced].mean() - 0.01
