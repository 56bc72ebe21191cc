"""The codecs that are libraries: G.722 (ITU-T G.722, RFC 3551 4.5.2) and Opus (RFC 6716, RFC 7587).

Both speak 8,000 samples a second here. G.722's lower band is exactly that (its upper one is sent
empty), and libopus converts by itself; so no filter of ours stands between phone and recording.
Where a library is missing its codec is not offered: ask ``available_codecs``.
"""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Final

import numpy as np

from hotline.errors import OutsideError, RemoteProtocolError
from hotline.media.coded import Coder
from hotline.media.g711 import Samples
from hotline.media.plan import Codec
from hotline.media.rtp import FRAME, RATE_HZ

G722_BIT_RATE: Final = 64_000
OPUS_BIT_RATE: Final = 24_000  # RFC 7587, 3.1.1: wide-band speech takes 16 to 20 kbit/s; we send narrow-band
OPUS_COMPLEXITY: Final = 5  # of 10; above it only costs
OPUS_EXPECTED_LOSS: Final = (
    5  # per cent; makes the encoder repeat a frame coarsely in the next (RFC 7587, 3.3)
)
LONGEST_PAYLOAD: Final = FRAME  # bytes of a frame that we send: 64 kbit/s
LONGEST_OPUS: Final = RATE_HZ * 120 // 1000  # samples of one packet (RFC 6716, 3.2.5)
LONGEST_G722: Final = 1000  # bytes of one payload, 125 ms, as for G.711


@cache
def available_codecs() -> tuple[str, ...]:
    """Tell which codecs this machine has, best first, by their names in SDP (``VoicePolicy.codecs``).

    G.711 first: it is what trunks speak and recordings are, and costs nothing.
    """
    more = []
    for name, codec in (("G722", Codec.G722), ("opus", Codec.OPUS)):
        with contextlib.suppress(OutsideError):
            make_coder(codec)
            more.append(name)
    return ("PCMA", "PCMU", *more)


def make_coder(codec: Codec) -> Coder:
    """Make the coder of one leg.

    :raises OutsideError: when the library is missing or has nothing for us; with the remedy.
    """
    try:
        if codec is Codec.G722:
            return _G722()
        if codec is Codec.OPUS:
            return _Opus()
    except Exception as error:  # whatever a broken library raises at its import
        name = "G722" if codec is Codec.G722 else "opuslib-next"
        raise OutsideError(f"the {codec.name} codec cannot be used ({error}); install {name}") from error
    raise OutsideError(f"{codec.name} needs no coder")


class _G722:
    """Its state is one for each way, as the two ways share none."""

    def __init__(self) -> None:
        from G722 import G722

        self._encoder, self._decoder = G722(RATE_HZ, G722_BIT_RATE), G722(RATE_HZ, G722_BIT_RATE)

    def encode(self, samples: Samples) -> bytes:
        data: bytes = self._encoder.encode(samples)
        return data

    def decode(self, payload: bytes) -> Samples:
        if not 0 < len(payload) <= LONGEST_G722:
            raise RemoteProtocolError(f"a G.722 payload of {len(payload)} bytes")
        samples: Samples = np.asarray(self._decoder.decode(payload), np.int16)
        return samples

    def conceal(self, length_samples: int, following: bytes) -> Samples:
        del length_samples, following  # G.722 has none of its own (its appendices III and IV are options)
        return np.zeros(0, np.int16)


class _Opus:
    def __init__(self) -> None:
        import opuslib_next as opus

        self._error: type[Exception] = opus.OpusError
        self._raw = opus.api
        self._encoder = opus.Encoder(RATE_HZ, 1, opus.APPLICATION_VOIP)
        self._encoder.bitrate = OPUS_BIT_RATE
        self._encoder.complexity = OPUS_COMPLEXITY
        self._encoder.inband_fec = 1
        self._encoder.packet_loss_perc = OPUS_EXPECTED_LOSS
        self._decoder = opus.Decoder(RATE_HZ, 1)

    def encode(self, samples: Samples) -> bytes:
        data: bytes = self._raw.encoder.encode(
            self._encoder.encoder_state, samples.tobytes(), len(samples), LONGEST_PAYLOAD
        )
        return data

    def decode(self, payload: bytes) -> Samples:
        return self._decode(payload, LONGEST_OPUS, is_repair=False)

    def conceal(self, length_samples: int, following: bytes) -> Samples:
        """Take the last 20 ms from the coarse copy in what follows, and guess what was before them."""
        length_samples -= length_samples % (RATE_HZ // 400)  # libopus counts in steps of 2.5 ms
        repaired = min(length_samples, FRAME)
        guessed = length_samples - repaired
        parts = []
        try:
            if guessed:
                parts.append(self._decode(b"", guessed, is_repair=False))
            if repaired:
                parts.append(self._decode(following, repaired, is_repair=True))
        except RemoteProtocolError:
            return np.zeros(0, np.int16)
        return np.concatenate([*parts, np.zeros(0, np.int16)])

    def _decode(self, payload: bytes, longest: int, *, is_repair: bool) -> Samples:
        try:
            data = self._raw.decoder.decode(
                self._decoder.decoder_state,
                payload or None,
                len(payload),
                longest,
                is_repair,
                channels=1,
            )
        except self._error as error:
            raise RemoteProtocolError(f"this is no Opus packet: {error}") from error
        return np.frombuffer(data, np.int16)
