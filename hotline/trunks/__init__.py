"""Reads ``config/trunks.toml``: the lines of the carriers, one table each.

It stands outside ``hotline.sip``, which is pure, because it reads files (and those that hold passwords).
Every complaint names file, trunk, key and remedy; an unknown key is refused with a suggestion.
"""

from hotline.trunks.keys import explain_trunks
from hotline.trunks.reading import TRUNKS_FILE, parse_trunks, read_trunks

__all__ = ["TRUNKS_FILE", "explain_trunks", "parse_trunks", "read_trunks"]
