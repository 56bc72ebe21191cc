"""Recordings as files, and whether they are what they were: ``hotline recording``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, TypeVar

import typer

from hotline.cli.console import DEFAULT_CONFIG, ConfigOption, load_settings, run
from hotline.cli.shown import put, table
from hotline.errors import ConfigError, OutsideError
from hotline.settings import Settings

if TYPE_CHECKING:
    from hotline.desk.views import RecordingFile
    from hotline.media.g711 import Octets, Samples
    from hotline.store.recording_reads import Fault, KeptRecording, Verdict
    from hotline.store.retention import Sweep

Piece = TypeVar("Piece", "Samples", "Octets")

app = typer.Typer(no_args_is_help=True, help="What callers said, as files.")

ACTOR: Final = "command line"
PIECE: Final = 80_000
"""Samples read at once: ten seconds."""
FAULTY: Final = 1
"""Exit code of a check that found faults."""

REMEDIES: Final = {
    "missing": "bring it back from a backup",
    "changed": "bring it back from a backup, and find out who wrote to the folder",
    "unreadable": "look after the disk, and mend what the system says",
    "unknown": "the store knows the recording but not this file; take it away when you know whose it is",
}


class Form(Enum):
    """How an export is written."""

    WAV = "wav"
    WAV16 = "wav16"
    OPUS = "opus"


class Who(Enum):
    """Whose voice an export holds."""

    BOTH = "both"
    CALLER = "caller"
    OTHER = "other"


@app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="Id of a recording, of a call, or the number of a request.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to be written.")],
    form: Annotated[
        Form,
        typer.Option("--format", help="wav: G.711 as it came; wav16: PCM of 16 bits; opus: Opus in Ogg."),
    ] = Form.WAV16,
    who: Annotated[
        Who, typer.Option("--side", help="both: the caller left, whom she talked with right; or one alone.")
    ] = Who.BOTH,
    conceal: Annotated[
        bool,
        typer.Option(
            "--conceal",
            help="Draw the voice out over short gaps where packets were lost, as telephones do; else they "
            "are silent, as on the disk.",
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write a recording into a file that other programs play; the events say that you did."""
    if conceal and form is Form.WAV:
        raise ConfigError("wav holds the octets as they came; choose --format wav16 or opus with --conceal")
    settings = load_settings(config)
    recording = _find(settings, name)
    if recording.expired_at is not None:
        raise ConfigError(
            f"the sound of {recording.recording_id} was deleted on {recording.expired_at:%Y-%m-%d}, when its "
            "time was over ([recordings] keep_days)"
        )
    file = _one_side(recording, who)
    part = output.with_name(output.name + ".part")
    try:
        with part.open("wb") as out:
            _write(out, file, form, recording.recording_id, conceal=conceal)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"the file cannot be written: {error.strerror}", file=str(output)) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    run(_note(settings, recording, form))
    sides = "both sides" if file.channels == 2 else "one side"
    put(f"{recording.recording_id}: {file.samples / 8000:.1f} s of {sides} in {output}")


@app.command("verify")
def verify(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Compare every recording on disk with its checksum in the store; exit code 1 when one has changed."""
    settings = load_settings(config)
    verdict = run(_verify(settings))
    put(f"{verdict.checked} files are as they were when they were closed")
    if verdict.open_files:
        put(
            f"{verdict.open_files} are not in the store yet: in the making, or left for the next start to "
            "recover"
        )
    if verdict.faults:
        put(_faults(verdict.faults))
        raise typer.Exit(FAULTY)


@app.command("expire")
def expire(
    keep_days: Annotated[
        int | None,
        typer.Option(min=1, help="Instead of [recordings] keep_days.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Delete the sound of recordings whose requests are over and older than [recordings] keep_days."""
    settings = load_settings(config)
    days = keep_days or settings.recordings.keep_days
    if not days:
        raise ConfigError(
            "recordings are kept for ever: [recordings] keep_days is 0; set it, or give --keep-days"
        )
    sweep = run(_expire(settings, days, dry_run=dry_run))
    for recording_id in sweep.recordings if dry_run else ():
        put(recording_id)
    done = "would be deleted" if dry_run else "deleted"
    put(f"{len(sweep.recordings)} recordings older than {days} days {done}, {sweep.size_bytes / 1e6:.1f} MB")
    if sweep.faults:
        put("\n".join(sweep.faults))
        raise typer.Exit(FAULTY)


def _faults(faults: Sequence[Fault]) -> str:
    rows = [(fault.what, fault.place, fault.detail or REMEDIES[fault.what]) for fault in faults]
    remedies = dict.fromkeys(f"{fault.what}: {REMEDIES[fault.what]}" for fault in faults)
    return table(("what", "file", ""), rows, widest=80) + "\n" + "\n".join(remedies)


def _find(settings: Settings, name: str) -> KeptRecording:
    from hotline.app import open_store

    async def work() -> Sequence[KeptRecording]:
        async with open_store(settings) as (store, _desk):
            return await store.recordings_of(
                name.replace("-", "") if name.replace("-", "").isdecimal() else name
            )

    found = run(work())
    if not found:
        raise ConfigError(f"there is no recording of {name!r}; `hotline call show` names those of a call")
    if len(found) > 1:
        raise ConfigError(
            f"{name} has several recordings, name one: {', '.join(one.recording_id for one in found)}"
        )
    return found[0]


async def _note(settings: Settings, recording: KeptRecording, form: Form) -> None:
    from hotline.app import open_store

    async with open_store(settings) as (store, _desk):
        await store.note_export(recording, ACTOR, form.value)


async def _verify(settings: Settings) -> Verdict:
    from hotline.app import open_store

    async with open_store(settings) as (store, _desk):
        return await store.verify_recordings()


async def _expire(settings: Settings, days: int, *, dry_run: bool) -> Sweep:
    from hotline.app import open_store

    async with open_store(settings) as (store, _desk):
        return await store.expire_recordings(days, actor=ACTOR, dry_run=dry_run)


def _one_side(recording: KeptRecording, who: Who) -> RecordingFile:
    from hotline.desk.views import RecordingFile

    file = recording.file
    if who is Who.OTHER:
        if not file.far_path:
            raise ConfigError(f"{recording.recording_id} holds the caller alone")
        return RecordingFile(file.far_path, file.far_suffix, file.far_length_bytes)
    if who is Who.CALLER:
        return RecordingFile(file.path, file.suffix, file.length_bytes)
    return file


def _write(out: BinaryIO, file: RecordingFile, form: Form, title: str, *, conceal: bool) -> None:
    from hotline.media.wav import WavCoding
    from hotline.wire.sound_files import write_opus_blocking, write_wav_blocking

    shape = {"channels": file.channels, "samples": file.samples}
    if form is Form.OPUS:
        write_opus_blocking(out, _samples(file, conceal=conceal), comments=[f"TITLE={title}"], **shape)
    elif form is Form.WAV16:
        write_wav_blocking(out, _samples(file, conceal=conceal), coding=WavCoding.PCM16, **shape)
    else:
        coding = WavCoding.ULAW if file.suffix == ".ulaw" else WavCoding.ALAW
        write_wav_blocking(out, _octets(file), coding=coding, **shape)


def _samples(file: RecordingFile, *, conceal: bool) -> Iterator[Samples]:
    import numpy as np

    from hotline.store.playback import read_concealed_blocking, read_pcm16_blocking

    read = read_concealed_blocking if conceal else read_pcm16_blocking
    for first in range(0, file.samples, PIECE):
        piece = np.frombuffer(read(file, first, first + PIECE), "<i2")
        yield _whole(file, first, piece.reshape(-1, file.channels))


def _octets(file: RecordingFile) -> Iterator[Octets]:
    from hotline.store.playback import read_g711_blocking

    for first in range(0, file.samples, PIECE):
        yield _whole(file, first, read_g711_blocking(file, first, first + PIECE))


def _whole(file: RecordingFile, first: int, piece: Piece) -> Piece:
    if len(piece) < min(PIECE, file.samples - first):
        raise OutsideError(f"{file.path} is shorter than it was; see `hotline recording verify`")
    return piece
