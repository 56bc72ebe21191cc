"""Kill -9 at every point of a recording's life: whatever is on disk is a beginning of what was said.

A child forks for each point; its copy counts the system calls that change the disk and kills itself
just before, or just after, the n-th of them. What is left is then recovered as at the next start.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hotline.store.recordings import is_drawing, read_name, scan_blocking, seal_blocking

CHILD = """
import json, os, signal, sys, time
from pathlib import Path
from hotline.events.ids import CallId, RecordingId
from hotline.media.plan import Codec, RecordingClosed
from hotline.media.recording import AppendSamples, SealRecording, Side
from hotline.wire import part_files, recorder as module

base, is_after = Path(sys.argv[1]), sys.argv[2] == "after"
near, far = bytes(range(256)) * 60, bytes(range(255, -1, -1)) * 60
(base / "sounds.json").write_text(json.dumps({"": near.hex(), ".far": far.hex()}))

def live(n):
    folder, done = base / f"{n:03}", [0]
    def deadly(call):
        def counted(*args, **kw):
            done[0] += 1
            if done[0] == n and not is_after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args, **kw)
            if done[0] == n:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return counted
    module.WRITE_EVERY_S = 0.0
    part_files.os.fsync = deadly(os.fsync)
    part_files.os.ftruncate = deadly(os.ftruncate)
    part_files.Path.rename = deadly(Path.rename)
    part_files.os.open = deadly(os.open)
    recorder = module.Recorder(folder, lambda: "2026-11-23", reserve_bytes=0,
        write=deadly(lambda d, data: os.write(d, bytes(data)[:3000])),
        reserve=deadly(part_files.reserve_blocking))
    for at in range(0, len(near), 5120):
        for side, sound in ((Side.NEAR, near), (Side.FAR, far)):
            block = sound[at:at + 5120]
            recorder.submit(AppendSamples(CallId("c1"), RecordingId("c1-1"), Codec.PCMA, block, side))
    recorder.submit(SealRecording(CallId("c1"), RecordingId("c1-1"), Codec.PCMA, 0))
    while recorder._told_seals < recorder._ordered_seals:
        pass
    (closed,) = recorder.take_events()
    assert isinstance(closed, RecordingClosed), closed
    (folder / "told").write_text(closed.path)
    time.sleep(0.05)  # the drawing is made behind our back
    os._exit(7)

for n in range(1, 200):
    child = os.fork()
    if child == 0:
        live(n)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 7, status
        break
print(n)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_it_is_killed_every_file_is_a_beginning_of_what_was_said(tmp_path: Path, when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), when],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    points = int(done.stdout)
    assert points > 25, "the disk was changed that often"
    sounds = {
        side: bytes.fromhex(text) for side, text in json.loads((tmp_path / "sounds.json").read_text()).items()
    }
    lengths = []
    for life in sorted(tmp_path.glob("[0-9]*")):
        for path in list(scan_blocking(life)):
            if is_drawing(path.name):
                continue
            name = read_name(path.name)
            assert name is not None, path
            sound = sounds[name.side.value]
            assert sound.startswith(path.read_bytes())
            if not name.is_open or (life / "told").exists():
                assert path.read_bytes() == sound, "what has its final name is whole"
            final = seal_blocking(path)
            assert not final.name.endswith(".part")
            lengths.append(final.stat().st_size)
    assert min(lengths) == 0
    assert max(lengths) == len(sounds[""])
    assert len(set(lengths)) > 5
