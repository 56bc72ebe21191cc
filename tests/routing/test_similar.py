"""Requests that may be about the same matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.routing.similar import Described, most_similar, traits_of

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def a_request(number="1", text="草园社区的垃圾桶三天没有清运了", days=0.0, **changes) -> Described:
    values = {"kinds": ("0201",), "region": "110101005014", "place": "草园社区"} | changes
    return Described(number, NOON - timedelta(days=days), text, **values)


def numbers(one, others) -> list[str]:
    return [each.number for each in most_similar(one, others)]


def test_sibling_stands_before_neighbours():
    others = [
        a_request("2", "草园社区路灯不亮", kinds=("0503",)),
        a_request("3", "我们草园社区垃圾桶满了好几天都没有清运", 1),
        a_request("4", "和平里七区的垃圾桶没清运", region="110101010011", place="和平里七区"),
        a_request("5", "想问一下低保怎么办", kinds=("1101",), region="110101013", place=""),
    ]
    assert numbers(a_request(), others)[0] == "3"
    assert "5" not in numbers(a_request(), others)


def test_three_at_most_are_offered():
    assert len(numbers(a_request(), [a_request(str(n), days=n) for n in range(2, 9)])) == 3


def test_nearer_in_time_stands_first_where_all_else_is_alike():
    assert numbers(a_request(), [a_request("2", days=30), a_request("3", days=1)]) == ["3", "2"]


def test_request_is_never_like_itself():
    assert numbers(a_request(), [a_request()]) == []


def test_same_place_and_kind_are_enough_without_a_common_word():
    found = most_similar(a_request(), [a_request("2", "还是上回那件事，请尽快处理", 2)])
    assert [each.number for each in found] == ["2"]
    assert found[0].reason == "同一地点“草园社区”；同类诉求；相隔2天"


def test_same_kind_in_another_street_is_not_enough():
    other = a_request("2", "楼下的事情请派人来", region="110101013", place="")
    assert numbers(a_request(), [other]) == []


def test_reason_names_the_words_that_both_said():
    other = a_request("2", "这里垃圾桶三天没有人管", 0.1, place="", region="110101005")
    assert (
        most_similar(a_request(), [other])[0].reason == "同一街道；同类诉求；都说到“垃圾桶三天没有”；同一天"
    )


def test_request_is_filed_under_place_community_and_kinds_in_its_street():
    assert traits_of(a_request(kinds=("0201", "0202", "0301", "0401"))) == (
        "p:草园社区",
        "c:110101005014",
        "k:0201:110101005",
        "k:0202:110101005",
        "k:0301:110101005",
    )


def test_request_without_a_place_is_filed_under_its_kind():
    assert traits_of(a_request(region="", place="")) == ("k:0201:",)


REQUESTS = st.builds(
    Described,
    st.sampled_from("123456"),
    st.integers(0, 90).map(lambda days: NOON - timedelta(days=days)),
    st.text("草园垃圾桶路灯不亮，abc ", max_size=40),
    st.lists(st.sampled_from(["0201", "0202", "0503"]), max_size=3, unique=True).map(tuple),
    st.sampled_from(["", "110101005", "110101005014", "110101006001"]),
    st.sampled_from(["", "草园社区", "簋街"]),
)


@settings(max_examples=100, deadline=None)
@given(REQUESTS, st.lists(REQUESTS, max_size=8))
def test_scores_are_shares_in_falling_order(one, others):
    found = most_similar(one, others)
    assert len(found) <= 3
    assert all(0 < each.score <= 1 for each in found)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert one.number not in {each.number for each in found}
    assert all(each.reason for each in found)


@settings(max_examples=50, deadline=None)
@given(REQUESTS, REQUESTS)
def test_likeness_is_the_same_both_ways(one, other):
    there = [each.score for each in most_similar(one, [other])]
    back = [each.score for each in most_similar(other, [one])]
    assert len(there) == len(back)
    assert all(abs(a - b) <= 0.05 for a, b in zip(there, back, strict=True))
