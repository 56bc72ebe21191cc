"""docs/trunks.md says what the code says; `HOTLINE_GOLDEN=1` writes its list of keys anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hotline.trunks import explain_trunks, parse_trunks
from hotline.wire.trunk_lines import WORDS

PAGE = Path(__file__).parent.parent.parent / "docs" / "trunks.md"
MARK = "<!-- made from hotline/trunks/keys.py -->\n"


def test_the_page_lists_every_key() -> None:
    head, mark, _ = PAGE.read_text().partition(MARK)
    if os.environ.get("HOTLINE_GOLDEN"):
        PAGE.write_text(head + mark + explain_trunks())
    assert PAGE.read_text() == head + mark + explain_trunks()


def test_the_examples_of_the_page_are_right() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == 2
    [unicom, telecom] = parse_trunks(
        "\n".join(examples), file="trunks.md", folder=PAGE.parent, area_code="10", numbers=("96156",)
    )
    assert (unicom.mode, telecom.mode) == ("static", "registered")


def test_the_page_explains_every_event() -> None:
    named = set(re.findall(r"`(trunk\.[a-z_]+)`", PAGE.read_text()))
    assert set(WORDS.values()) <= named
