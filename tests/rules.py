"""The limits and clocks of the shipped configuration, for tests that open a store."""

from __future__ import annotations

from hotline.tickets.conditions import Site
from tests.tickets.lives import SITE


def rules() -> Site:
    """Give the site's limits and clocks."""
    return SITE
