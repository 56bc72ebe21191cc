"""From the caller's hanging up to the transcript on her request.

Claim: what she said in some five seconds is written down within a few seconds on one core.

    python benchmarks/hang_up_to_transcript.py [--calls 5]
"""

from __future__ import annotations

import sys
import time

from _whole_product import a_product, call, number_of_calls, tell

from tests.interop.site import transcribed


def main() -> int:
    waited = []
    with a_product() as (product, speech):
        product.wait_for("speech.ready", within_s=60)  # loading the model is part of starting, not of a call
        for _ in range(number_of_calls()):
            call_id, left_at = call(product, speech)
            assert transcribed(product, call_id)["transcript_state"] == "done"
            waited.append(time.monotonic() - left_at)
    return tell("transcript on the request", waited, claim_s=10.0)


if __name__ == "__main__":
    sys.exit(main())
