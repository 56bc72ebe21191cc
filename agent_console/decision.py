"""What an agent decides about a request: the form's fields, and what they were decided on.

A form carries, beside each field, the value that it started from. So the console can tell what the
person changed, and, when somebody else was faster, what he changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Final

from fastapi import Form

from agent_console import wording
from hotline.desk.views import OrderView, RequestPage

FIELDS: Final = ("kind_code", "region_code", "place", "text")
Short = Annotated[str, Form(max_length=200)]
Long = Annotated[str, Form(max_length=20_000)]


@dataclass(frozen=True, slots=True)
class Change:
    """A field that somebody else changed meanwhile."""

    field: str
    """Message that names the field."""
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The form as a person left it."""

    version: int
    kind_code: str = ""
    region_code: str = ""
    place: str = ""
    text: str = ""
    unit_code: str = ""
    note: str = ""
    is_editable: bool = True
    """False when only the route could be decided; then the other fields are not looked at."""
    base: Mapping[str, str] = field(default_factory=dict)
    """Values of kind_code, region_code, place, text, unit_code and state that the form started from."""

    @property
    def is_edited(self) -> bool:
        """Tell whether kind, region, place or wording differ from what the form started from."""
        return self.is_editable and any(getattr(self, name) != self.base.get(name, "") for name in FIELDS)

    def rebased(self, page: RequestPage) -> Decision:
        """Keep what was typed, on what is true now; what was not touched becomes what it is now."""
        now = base_of(page)

        def merged(name: str, typed: str) -> str:
            is_hers = typed != self.base.get(name, "") and (self.is_editable or name not in FIELDS)
            return typed if is_hers else now[name]

        return replace(
            self,
            version=page.line.version,
            kind_code=merged("kind_code", self.kind_code),
            region_code=merged("region_code", self.region_code),
            place=merged("place", self.place),
            text=merged("text", self.text),
            unit_code=merged("unit_code", self.unit_code),
            base=now,
        )


def read_decision(
    *,
    version: Annotated[int, Form(ge=0)],
    kind_code: Short = "",
    region_code: Short = "",
    place: Short = "",
    text: Long = "",
    unit_code: Short = "",
    note: Annotated[str, Form(max_length=2000)] = "",
    editable: Short = "",
    base_kind_code: Short = "",
    base_region_code: Short = "",
    base_place: Short = "",
    base_text: Long = "",
    base_unit_code: Short = "",
    base_state: Short = "",
) -> Decision:
    """Read the form. Line ends come as CR LF (HTML, 4.10.21) and are stored as LF."""
    return Decision(
        version,
        kind_code.strip(),
        region_code.strip(),
        place.strip(),
        plain(text),
        unit_code.strip(),
        plain(note),
        editable == "yes",
        {
            "kind_code": base_kind_code,
            "region_code": base_region_code,
            "place": base_place,
            "text": plain(base_text),
            "unit_code": base_unit_code,
            "state": base_state,
        },
    )


def plain(text: str) -> str:
    """Write a text as it is stored and compared: LF, nothing around it."""
    return text.replace("\r\n", "\n").strip()


def lead_order(page: RequestPage) -> OrderView | None:
    """Find the work order of the unit that has the lead now."""
    open_orders = [order for order in page.orders if order.part == "lead" and order.state != "returned"]
    return open_orders[-1] if open_orders else None


def base_of(page: RequestPage) -> dict[str, str]:
    """Take the values that a form starts from."""
    lead = lead_order(page)
    return {
        "kind_code": page.kind_code,
        "region_code": page.region_code,
        "place": page.line.place,
        "text": plain(page.edited_text or page.text),
        "unit_code": lead.unit_code if lead else "",
        "state": page.line.state,
    }


def fresh(page: RequestPage) -> Decision:
    """Start a form from what is true now."""
    base = base_of(page)
    return Decision(
        version=page.line.version,
        kind_code=base["kind_code"],
        region_code=base["region_code"],
        place=base["place"],
        text=base["text"],
        unit_code=base["unit_code"],
        base=base,
    )


def changes_since(decision: Decision, page: RequestPage, label: Callable[[str, str], str]) -> list[Change]:
    """Tell what differs now from what a form started from.

    :param label: writes a field's value for a person: ``label("kind_code", "0201")``.
    """
    now = base_of(page)
    return [
        Change(wording.FIELDS[name], label(name, decision.base.get(name, "")), label(name, value))
        for name, value in now.items()
        if value != decision.base.get(name, "")
    ]
