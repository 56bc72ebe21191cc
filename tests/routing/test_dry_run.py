"""Rules on past requests, and the precision of suggested units."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from routing_builders import the_district

from hotline.routing.dispatch_file import known_of, read_rules
from hotline.routing.dry_run import CATALOGUE, LAST, Past, dry_run, precision_of
from hotline.routing.units import OwnerWords, UnitChooser

ROADS, POWER, STREET = "D030", "D043", "110101005"


def past(
    number="1", kind="0502", text="井盖没了", lead=ROADS, suggested=ROADS, score=0.9, region=STREET
) -> Past:
    return Past(number, kind, region, text, lead, suggested, score)


def ran(*requests: Past, rules: str | None = None):
    district = the_district()
    kinds = {row.code: row for row in district.kinds}
    chooser = UnitChooser(district)
    if rules is not None:
        known = known_of(
            kinds,
            [(row.code, row.name) for row in district.regions],
            [(unit.code, unit.name) for unit in district.units],
        )
        heading = "rule,kind,region,owner,lead,co_handlers,reason\n"
        chooser = UnitChooser(district, read_rules(heading + rules, "rules.csv", known)[0])
    return dry_run(requests, kinds, chooser, OwnerWords(district.owners))


def test_rules_and_catalogue_are_counted_apart():
    found = ran(past("1"), past("2", text="电力井的井盖没了", lead=POWER), past("3", text="电力井的井盖没了"))
    assert found.rules == {"R010": (2, 1), CATALOGUE: (1, 1)}
    assert [(one.number, one.rule, one.lead, one.proposed) for one in found.differences] == [
        ("3", "R010", ROADS, POWER)
    ]
    assert (found.count, found.same, found.none) == (3, 2, 0)


def test_other_rules_can_be_tried():
    found = ran(past("1"), rules="X,0502,北新桥街道,*,D027,,\n")
    assert found.rules == {"X": (1, 0)}


def test_request_for_which_nobody_is_named_is_told():
    found = ran(past("1", kind="1802", region=""))
    assert (found.none, found.differences[0].proposed) == (1, "")


def test_kind_that_is_no_more_is_passed_over():
    assert ran(past("1", kind="9999")).count == 0


def test_threshold_needs_enough_requests():
    assert precision_of([past()] * (LAST - 1)).threshold is None
    found = precision_of([past()] * LAST)
    assert (found.threshold, found.share) == (0.9, 1.0)


def test_threshold_leaves_out_what_is_right_too_seldom():
    requests = [past(score=0.9)] * 300 + [past(score=0.5, suggested=POWER)] * 200
    found = precision_of(requests)
    assert (found.threshold, found.share) == (0.9, 0.6)
    assert (found.suggested, found.right) == (500, 300)


def test_threshold_never_parts_suggestions_of_the_same_score():
    requests = [past(score=0.9)] * 250 + [past(score=0.9, suggested=POWER)] * 250
    assert precision_of(requests).threshold is None


def test_request_without_a_suggestion_counts_against_the_share():
    requests = [past()] * 250 + [past(suggested="", score=0.0)] * 250
    assert precision_of(requests).share == 0.5


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.booleans()), max_size=60))
def test_what_the_threshold_lets_through_is_as_precise_as_asked(rows):
    requests = [past(score=score, suggested=ROADS if right else POWER) for score, right in rows]
    found = precision_of(requests, wanted=0.8, fewest=1)
    if found.threshold is not None:
        let = [right for score, right in rows if score >= found.threshold]
        assert sum(let) >= 0.8 * len(let)
        assert found.share == len(let) / len(rows)
