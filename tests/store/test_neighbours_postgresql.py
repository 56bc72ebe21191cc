"""Siblings, hotspots and past dispatches on PostgreSQL: the very tests of SQLite."""

from __future__ import annotations

import pytest
import test_homes as homes
import test_neighbours as tests
from store_world import World
from test_store_postgresql import server_url, world  # noqa: F401 - fixtures

pytestmark = pytest.mark.interop
STORIES = (
    tests.test_sibling_is_found_with_its_reason,
    tests.test_unit_sees_only_siblings_that_it_has_part_in,
    tests.test_later_suggestion_files_the_request_anew,
    tests.test_requests_of_before_are_filed_at_the_next_start,
    tests.test_hotspot_is_raised_grows_and_cools,
    tests.test_street_is_told_when_no_smaller_area_explains_it,
    tests.test_dispatched_request_is_read_back_with_what_was_suggested,
    homes.test_home_is_where_most_of_her_requests_were,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
def test_postgresql_does_the_same(world: World, story) -> None:  # noqa: F811 - the fixture
    story(world)
