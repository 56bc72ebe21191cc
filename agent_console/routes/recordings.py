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
    total = HEADER_BYTES + file.samples * file.channels * BYTES_PER_SAMPLE
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
        _bytes(console, file, sent), status_code=status, headers=headers, media_type="audio/wav"
    )


@router.get("/recordings/{recording_id}.peaks")
async def peaks(console: SharedConsole, actor: SignedIn, recording_id: str) -> Response:
    """Send how loud a recording is over its length, to be drawn; looking at it is not listening."""
    file = await console.desk.recording_shape(actor, recording_id)
    octets = await asyncio.to_thread(console.read_peaks, file)
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(octets, media_type="application/octet-stream", headers=headers)


async def _bytes(console: Console, file: RecordingFile, sent: ByteRange) -> AsyncIterator[bytes]:
    header = wav_header(file.samples, file.channels)
    if sent.first < HEADER_BYTES:
        yield header[sent.first : sent.last + 1]
    block = file.channels * BYTES_PER_SAMPLE
    first, last = max(sent.first - HEADER_BYTES, 0), sent.last - HEADER_BYTES
    while first <= last:
        first_sample = first // block
        last_sample = min(first_sample + CHUNK_SAMPLES, last // block + 1)
        sound = await asyncio.to_thread(console.read_audio, file, first_sample, last_sample)
        # A file that is shorter than the desk said goes on as silence: the length was promised.
        sound = sound.ljust((last_sample - first_sample) * block, b"\0")
        offset = first_sample * block
        yield sound[first - offset : last - offset + 1]
        first = last_sample * block
