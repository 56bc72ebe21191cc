"""The same copies and the same doctor on PostgreSQL."""

from __future__ import annotations

import pytest
from test_store_postgresql import server_url, world  # noqa: F401 - fixtures
from test_upkeep import *  # noqa: F403 - each of its tests is run once more, on the world above

pytestmark = pytest.mark.interop
