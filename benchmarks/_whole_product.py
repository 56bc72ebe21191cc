"""What the end-to-end measurements share: the running product, and calls that end by hanging up.

The whole product runs in its own processes, the phone (baresip) is real, and one program reads the
clock: from the moment that the product's log tells of the caller's BYE.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from examples.product import ROOT, Product
from tests.interop.site import DATA, read_wav, write_wav

PASSWORD = secrets.token_urlsafe(12)


@contextmanager
def a_product() -> Iterator[tuple[Product, Path]]:
    """Start the product with an agent, and give the speech that her callers speak."""
    with tempfile.TemporaryDirectory() as folder:
        speech = write_wav(Path(folder) / "speech.wav", read_wav(DATA / "aishell_3.wav"))
        product = Product(Path(folder) / "site")
        for name, role in (("boss", "admin"), ("agent", "agent")):
            product.run("user", "add", name, "--role", role, text_in=PASSWORD + "\n")
        product.is_verbose = True  # or the log would not tell of the BYE
        product.start()
        try:
            yield product, speech
        finally:
            product.stop()


def call(product: Product, speech: Path) -> tuple[str, float]:
    """Leave a request and hang up; return the call's id and when the BYE was seen."""
    after = len(product.log)
    phone = threading.Thread(
        target=subprocess.run,
        args=(
            [
                sys.executable, "-m", "tests.interop.baresip_phone",
                "--server", f"127.0.0.1:{product.sip_port}",
                "--speak", str(speech), "--press", "1:1", "--finish", "hang-up",
            ],
        ),
        kwargs={"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL},
        daemon=True,
    )  # fmt: skip
    phone.start()
    left = product.wait_for("sip.event", within_s=90, after=after, kind="CallEnded")
    return str(left["call_id"]), time.monotonic()


def number_of_calls() -> int:
    """Read the command line."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--calls", type=int, default=5)
    return int(arguments.parse_args().calls)


def tell(what: str, values: list[float], claim_s: float) -> int:
    """Print a result; return 1 when the median is longer than claimed, else 0."""
    median, worst = statistics.median(values), max(values)
    print(
        f"hang-up → {what}: median {median:.2f} s, worst {worst:.2f} s ({len(values)} calls; claim {claim_s})"
    )
    return int(median > claim_s)
