"""Render the prompts: ``python -m hotline.speech.render`` makes the audio of every changed text.

Needs the extra ``prompts``, and espeak-ng for English; the product itself only plays the files.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from hotline.errors import ConfigError
from hotline.speech import band
from hotline.speech.prompt_audio import (
    TEXTS,
    Prompt,
    Rendered,
    Speaker,
    find_stale,
    read_manifest,
    read_prompts,
    write_manifest,
    write_wav,
)
from hotline.speech.pronunciation import english, mandarin
from hotline.speech.tones import make_sound
from hotline.speech.voice import Kokoro, Voice

SENTENCE_PAUSE_S: Final = 0.32
"""Between two sentences of one prompt."""
EDGE_S: Final = 0.03
"""Silence kept inside the cut before and after a sentence."""
TAIL_S: Final = 0.12
"""Silence after a prompt, so that the next one does not run into it."""
SHORT_SYLLABLES: Final = 3
"""Fewer syllables in a sentence, as in a digit, and the voice puts a sound before them that nobody
wrote. They are spoken three times, and the middle is kept: of ten digits 88 % come back from the
recogniser in place of 23 %."""
SHORT_SPEED: Final = 0.65
SHORT_STYLE: Final = 40
BORDER_SEARCH: Final = 0.117
"""The border of two of three words is looked for so far around its place, as a share of all."""
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")
_SENTENCE: Final = re.compile(r"[^。！？.!?]+[。！？.!?]*")
_PHONEMES: Final[dict[str, Callable[[str], str]]] = {"zh": mandarin, "en": english}


def sound_of(prompt: Prompt, voice: Voice | None, *, file: str = TEXTS) -> band.Samples:
    """Speak a prompt, or make its tone, at 8 kHz and the level of all prompts.

    :param voice: None will do for a tone.
    :raises ConfigError: when it cannot be spoken.
    """
    if prompt.speaker is None:
        return make_sound(prompt.text, file=file)
    assert voice is not None
    parts: list[band.Samples] = []
    for sentence in _SENTENCE.findall(prompt.text):
        spoken = _speak(sentence, prompt.language, prompt.speaker, voice)
        parts.append(band.trim(spoken, rate_hz=band.VOICE_RATE_HZ, before_s=EDGE_S, after_s=EDGE_S))
        parts.append(np.zeros(round(SENTENCE_PAUSE_S * band.VOICE_RATE_HZ), np.float32))
    parts[-1:] = [np.zeros(round(TAIL_S * band.VOICE_RATE_HZ), np.float32)]
    return band.set_peak(band.to_telephone(np.concatenate(parts)))


def _speak(sentence: str, language: str, speaker: Speaker, voice: Voice) -> band.Samples:
    syllables = _HAN.findall(sentence)
    if language == "zh" and 0 < len(syllables) < SHORT_SYLLABLES:
        word = "".join(syllables)
        thrice = voice.speak(
            mandarin(f"{word}，{word}，{word}。"),
            voice=speaker.voice,
            speed=SHORT_SPEED,
            shortest_style=SHORT_STYLE,
        )
        return middle_of_three(thrice)
    return voice.speak(
        _PHONEMES[language](sentence),
        voice=speaker.voice,
        speed=speaker.speed,
        shortest_style=speaker.shortest_style,
    )


def middle_of_three(spoken: band.Samples) -> band.Samples:
    """Cut the second of three equal words out of 24 kHz speech, at the quietest points between them."""
    spoken = band.trim(spoken, rate_hz=band.VOICE_RATE_HZ, before_s=0, after_s=0)
    step = band.VOICE_RATE_HZ // 100
    energy = np.convolve(spoken**2, np.hanning(3 * step), "same")[::step]
    cuts = []
    for border in (1 / 3, 2 / 3):
        low, high = (round(energy.size * (border + side * BORDER_SEARCH)) for side in (-1, 1))
        cuts.append(step * (low + int(np.argmin(energy[low:high]))))
    return spoken[cuts[0] : cuts[1]]


def render_prompts_blocking(
    folder: Path, new_voice: Callable[[], Voice], tell: Callable[[str], None], *, again: bool = False
) -> int:
    """Render what changed since the last time, and drop the audio of texts that are gone.

    :param folder: holds ``texts.toml`` and gets the audio and the manifest.
    :param new_voice: called once, when the first prompt has to be spoken.
    :param tell: gets one line for each file.
    :param again: render all, changed or not.
    :returns: number of files written.
    :raises ConfigError: naming the text that cannot be spoken.
    """
    source = folder / TEXTS
    if not source.exists():
        raise ConfigError("the texts of the prompts are missing", file=str(source))
    prompts = read_prompts(source.read_text(encoding="utf-8"), file=str(source))
    rendered = read_manifest(folder)
    for file in sorted(set(rendered) - {prompt.path for prompt in prompts}):
        (folder / file).unlink(missing_ok=True)
        del rendered[file]
        tell(f"{file}: removed, no text says this any more")
    stale = {complaint.partition(":")[0] for complaint in find_stale(folder)}
    voice: Voice | None = None
    written = 0
    for prompt in prompts:
        if not again and prompt.path not in stale:
            continue
        if prompt.speaker is not None:
            voice = voice or new_voice()
        try:
            sound = sound_of(prompt, voice, file=str(source))
        except ConfigError as error:
            message = f"[{prompt.language}] {prompt.name}: {error.message}"
            raise ConfigError(message, file=error.file or str(source)) from error
        path = folder / prompt.path
        path.parent.mkdir(parents=True, exist_ok=True)
        content = write_wav(sound)
        path.write_bytes(content)
        rendered[prompt.path] = Rendered(
            text_sha256=prompt.text_sha256,
            voice="" if prompt.speaker is None else prompt.speaker.voice,
            length_s=round(sound.size / band.TELEPHONE_RATE_HZ, 3),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        # After each file, so that an interrupted run is continued and not begun anew.
        write_manifest(folder, rendered)
        written += 1
        tell(f"{prompt.path}: {rendered[prompt.path].length_s:.2f} s")
    write_manifest(folder, rendered)
    return written


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Render, or with ``--check`` only tell what is stale; the exit status is 1 then."""
    parser = argparse.ArgumentParser(prog="hotline prompts render", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("ivr_flows/prompts"))
    parser.add_argument("--voices", type=Path, default=None, help="folder of Kokoro voice files (*.bin)")
    parser.add_argument("--again", action="store_true", help="render all, changed or not")
    parser.add_argument("--check", action="store_true", help="render nothing; tell what is stale")
    options = parser.parse_args(arguments)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hotline" / "voices"
    try:
        if options.check:
            complaints = find_stale(options.folder)
            for complaint in complaints:
                sys.stdout.write(f"{complaint}\n")
            return 1 if complaints else 0
        voices = options.voices or cache
        written = render_prompts_blocking(
            options.folder,
            lambda: Kokoro(voices),
            _tell,
            again=options.again,
        )
        sys.stdout.write(f"{written} files rendered\n")
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
