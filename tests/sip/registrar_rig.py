"""Registrars for tests."""

from __future__ import annotations

import itertools
from typing import Any

from hotline.sip.registrar import Registrar, RegistrarConfig


def open_registrar(realm: str = "house.example", **given: Any) -> Registrar:
    """Build a registrar that takes anybody."""
    return a_registrar(realm, trusts=lambda _: True, **given)


def a_registrar(realm: str = "house.example", **given: Any) -> Registrar:
    """Build a registrar that asks for passwords."""
    tokens = itertools.count(1)
    return Registrar(RegistrarConfig(realm, **given), lambda: f"nonce{next(tokens):016x}")
