"""The same deaths on PostgreSQL."""

from __future__ import annotations

import pytest
from test_crashing_walk import *  # noqa: F403 - each of its tests is run once more, on the world below
from test_store_postgresql import server_url, world  # noqa: F401 - fixtures

pytestmark = pytest.mark.interop
