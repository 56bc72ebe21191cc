"""The agenda against a plain dictionary."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.sip.agenda import SLACK, Agenda

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), st.one_of(st.none(), st.integers(0, 20))),
        st.tuples(st.just("take"), st.integers(0, 20), st.none()),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(MOVES)
def test_an_agenda_gives_what_a_dictionary_would(moves: list[tuple[str, int, int | None]]) -> None:
    agenda: Agenda[int] = Agenda()
    model: dict[int, float] = {}
    for move, number, due in moves:
        if move == "put":
            agenda.put(number, due)
            model.pop(number, None)
            if due is not None:
                model[number] = due
        else:
            taken = agenda.take_due(number)
            earliest = min(model.values(), default=None)
            if earliest is None or earliest > number:
                assert taken is None
            else:
                assert taken is not None
                assert model.pop(taken) == earliest
        assert agenda.next_due() == min(model.values(), default=None)
        assert len(agenda) == len(model)


def test_what_is_due_longest_is_taken_first() -> None:
    agenda: Agenda[str] = Agenda()
    for key, due in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        agenda.put(key, due)
    assert [agenda.take_due(5.0) for _ in range(4)] == ["a", "b", "c", None]


def test_old_entries_do_not_pile_up() -> None:
    agenda: Agenda[str] = Agenda()
    for moment in range(10_000):
        agenda.put("call", float(moment))
    assert len(agenda._heap) <= 2 + SLACK
    assert agenda.next_due() == 9999.0
