"""Recordings, for those who may hear them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from agent_console.console import Console, SharedConsole, SignedIn
from agent_console.sound import (
    BYTES_PER_SAMPLE,
    CHUNK_SAMPLES,
    HEADER_BYTES,
    ByteRange,
    NotSatisfiable,
    parse_range,
    wav_header,
)
from hotline.desk.views import RecordingFile

router = APIRouter()
HEADERS: Final = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-store",
    "Content-Disposition": "inline",
}


@router.api_route("/recordings/{recording_id}.wav", methods=["GET", "HEAD"])
async def recording(request: Request, console: SharedConsole, actor: SignedIn, recording_id: str) -> Response:
    """Send a recording, or a range of it, as WAV. The desk decides who may hear it and notes it."""
    file = await console.listenings.file(actor, console.token(request), recording_id)
    samples = file.length_bytes  # G.711: one byte per sample
    total = HEADER_BYTES + samples * BYTES_PER_SAMPLE
    try:
        part = parse_range(request.headers.get("range", ""), total)
    except NotSatisfiable:
        return Response(status_code=416, headers=HEADERS | {"Content-Range": f"bytes */{total}"})
    sent = part or ByteRange(0, total - 1)
    headers = HEADERS | {"Content-Length": str(sent.last - sent.first + 1)}
    if part:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{total}"
    status = 206 if part else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type="audio/wav")
    return StreamingResponse(
        _bytes(console, file, samples, sent), status_code=status, headers=headers, media_type="audio/wav"
    )


async def _bytes(
    console: Console, file: RecordingFile, samples: int, sent: ByteRange
) -> AsyncIterator[bytes]:
    header = wav_header(samples)
    if sent.first < HEADER_BYTES:
        yield header[sent.first : sent.last + 1]
    first, last = max(sent.first - HEADER_BYTES, 0), sent.last - HEADER_BYTES
    while first <= last:
        first_sample = first // BYTES_PER_SAMPLE
        last_sample = min(first_sample + CHUNK_SAMPLES, last // BYTES_PER_SAMPLE + 1)
        sound = await asyncio.to_thread(console.read_audio, file, first_sample, last_sample)
        # A file that is shorter than the desk said goes on as silence: the length was promised.
        sound = sound.ljust((last_sample - first_sample) * BYTES_PER_SAMPLE, b"\0")
        offset = first_sample * BYTES_PER_SAMPLE
        yield sound[first - offset : last - offset + 1]
        first = last_sample * BYTES_PER_SAMPLE
