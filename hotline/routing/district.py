"""What a district is made of: regions, units, kinds of demand and places, as rows read from text.

The site edits six files (catalogue.csv, departments.csv, contacts.csv, places.csv, regions.json,
urgent.csv); this module reads their *text* and checks it. A line that cannot be used is not a reason
to stop the hotline: it comes back as ``Rejected`` with its line and the remedy, and everything else is
used. Only a file whose form is wrong as a whole (a missing column, no JSON) raises ``ConfigError``.

It does not open files and does not know the database: the store loads these rows into its tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hotline.errors import ConfigError
from hotline.routing.dispatch import STREET_OFFICE as STREET_OFFICE  # a word of the catalogue as well
from hotline.routing.dispatch import DispatchRule, OwnerWord
from hotline.routing.dispatch_file import Known, known_of, read_owners, read_rules
from hotline.routing.lines import CONTROL, csv_rows, line_of, words_of
from hotline.routing.lines import Rejected as Rejected  # part of what this module gives out

CATALOGUE_FILE: Final = "catalogue.csv"
DEPARTMENTS_FILE: Final = "departments.csv"
CONTACTS_FILE: Final = "contacts.csv"
PLACES_FILE: Final = "places.csv"
REGIONS_FILE: Final = "regions.json"
URGENT_FILE: Final = "urgent.csv"
DISTRICT_FILES: Final = (
    CATALOGUE_FILE,
    DEPARTMENTS_FILE,
    CONTACTS_FILE,
    PLACES_FILE,
    REGIONS_FILE,
    URGENT_FILE,
)
"""The files of the configuration folder that ``read_district`` needs."""
DISPATCH_FILE: Final = "dispatch.csv"
OWNERS_FILE: Final = "owners.csv"
OPTIONAL_FILES: Final = (DISPATCH_FILE, OWNERS_FILE)
"""Files that a site may leave out: then the catalogue alone says whose job a kind is."""

CATALOGUE_SHAPE: Final = (8, 22, 60)
"""Categories, items and kinds of the district's service catalogue (district report of 2009)."""
STREET: Final = "street"
COMMUNITY: Final = "community"
DEPARTMENT: Final = "department"
STREET_OFFICE_TYPE: Final = "街道"
"""Type in departments.csv of a street's office, which is the same organisation as the street."""
PRIORITIES: Final = ("P1", "P2", "P3", "P4")

_KIND_CODE: Final = re.compile(r"\d{4}")
_REGION_CODE: Final = re.compile(r"\d{9}(?:\d{3})?")
_UNIT_CODE: Final = re.compile(r"[A-Z]\d{3}|\d{9}(?:\d{3})?")
# The part of RFC 5321 section 4.1.2 that relays agree on: dot-atom, no quoted strings, no literals.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_EMAIL_LONGEST: Final = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of demand of the service catalogue."""

    code: str
    """Four digits: two of the item, two of the kind."""
    level1: str
    level2: str
    label: str
    keywords: tuple[str, ...]
    default_department: str
    """Name of a department, or ``街道办事处`` for the office of the street where it is."""
    priority: str
    first_contact_hours: float
    sla_hours: float
    tier: str
    weak_keywords: tuple[str, ...] = ()
    """Words that many callers use for many things; they only tip the balance."""
    keywords_en: tuple[str, ...] = ()
    """Words of callers who speak English, matched whole, with or without a plural ending."""


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A street or a community."""

    code: str
    """Nine digits for a street, twelve for a community (National Bureau of Statistics)."""
    name: str
    level: str
    """``street`` or ``community``."""
    parent: str | None
    """Code of the street, for a community; None for a street."""
    in_2009: bool
    """True in the ten streets that made up the district in 2009."""


@dataclass(frozen=True, slots=True)
class UnitRow:
    """An organisation that can be given work."""

    code: str
    """The region code for a street's office and a community, ``D001`` for a department."""
    name: str
    kind: str
    """``street``, ``community`` or ``department``."""
    email: str
    """Where its letters go; empty when nobody told us."""
    region_code: str | None
    """The region it is responsible for; None for the whole district."""


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A road, hutong or landmark, and the street it belongs to."""

    name: str
    aliases: tuple[str, ...]
    street: str
    """Region code of the street."""
    verified: bool
    """False while nobody of the district has confirmed it."""


@dataclass(frozen=True, slots=True)
class District:
    """Everything routing knows about the district."""

    kinds: tuple[KindRow, ...]
    regions: tuple[RegionRow, ...]
    units: tuple[UnitRow, ...]
    places: tuple[PlaceRow, ...]
    urgent: tuple[str, ...] = ()
    """Words that make any demand a P1: fire, gas, somebody trapped."""
    rules: tuple[DispatchRule, ...] = ()
    """Who leads and who helps, from the top; what none covers goes to the catalogue's unit."""
    owners: tuple[OwnerWord, ...] = ()
    """Words that tell whose a component is."""


def read_district(texts: Mapping[str, str]) -> tuple[District, tuple[Rejected, ...]]:
    """Read all files of a district and check them against each other.

    :param texts: text by file name, for each name of ``DISTRICT_FILES``; ``OPTIONAL_FILES`` may be missing.
    :returns: the district and the lines that were left out.
    :raises ConfigError: when a file is missing, has no usable form, or the catalogue has not
        exactly the shape of ``CATALOGUE_SHAPE``.
    """
    for name in DISTRICT_FILES:
        if name not in texts:
            raise ConfigError(f"the configuration folder needs {name}; copy it from the release", file=name)
    kinds, bad_kinds = read_catalogue(texts[CATALOGUE_FILE], CATALOGUE_FILE)
    check_shape(kinds, bad_kinds, CATALOGUE_FILE)
    regions, bad_regions = read_regions(texts[REGIONS_FILE], REGIONS_FILE)
    units, bad_units = read_units(
        texts[DEPARTMENTS_FILE],
        DEPARTMENTS_FILE,
        regions=regions,
        contacts=texts[CONTACTS_FILE],
        contacts_file=CONTACTS_FILE,
    )
    places, bad_places = read_places(texts[PLACES_FILE], PLACES_FILE, regions=regions)
    names = {unit.name for unit in units} | {STREET_OFFICE}
    lost = tuple(
        Rejected(
            CATALOGUE_FILE,
            line_of(texts[CATALOGUE_FILE], kind.code),
            f"kind {kind.code} goes to {kind.default_department!r}, which {DEPARTMENTS_FILE} does not know; "
            "the kind is kept without a unit",
        )
        for kind in kinds
        if kind.default_department not in names
    )
    urgent, bad_urgent = read_urgent(texts[URGENT_FILE], URGENT_FILE)
    known = _known(kinds, regions, units)
    rules, bad_rules = (
        read_rules(texts[DISPATCH_FILE], DISPATCH_FILE, known) if DISPATCH_FILE in texts else ((), ())
    )
    owners, bad_owners = (
        read_owners(texts[OWNERS_FILE], OWNERS_FILE, known) if OWNERS_FILE in texts else ((), ())
    )
    district = District(kinds, regions, units, places, urgent, rules, owners)
    bad = (*bad_kinds, *lost, *bad_regions, *bad_units, *bad_places, *bad_urgent, *bad_rules, *bad_owners)
    return district, bad


def with_rules(district: District, text: str, file: str) -> tuple[District, tuple[Rejected, ...]]:
    """Put another table of dispatch rules into a district, to try it out.

    :raises ConfigError: when a column is missing or the text is no CSV.
    """
    known = _known(district.kinds, district.regions, district.units)
    rules, bad = read_rules(text, file, known)
    return replace(district, rules=rules), bad


def _known(kinds: Sequence[KindRow], regions: Sequence[RegionRow], units: Sequence[UnitRow]) -> Known:
    return known_of(
        (kind.code for kind in kinds),
        ((row.code, row.name) for row in regions),
        ((unit.code, unit.name) for unit in units),
    )


def read_catalogue(text: str, file: str) -> tuple[tuple[KindRow, ...], tuple[Rejected, ...]]:
    """Read the kinds of demand.

    :raises ConfigError: when a column is missing.
    """
    columns = [
        *("code", "level1", "level2", "level3", "keywords_zh", "default_department"),
        *("priority", "first_contact_hours", "sla_hours", "tier"),
    ]
    rows: list[KindRow] = []
    bad: list[Rejected] = []
    seen: set[str] = set()
    for line, row, why in csv_rows(text, file, columns):
        if not why:
            why = _kind_fault(row, seen)
        if why:
            bad.append(Rejected(file, line, why))
            continue
        seen.add(row["code"])
        rows.append(
            KindRow(
                code=row["code"],
                level1=row["level1"],
                level2=row["level2"],
                label=row["level3"],
                keywords=words_of(row["keywords_zh"]),
                default_department=row["default_department"],
                priority=row["priority"],
                first_contact_hours=float(row["first_contact_hours"]),
                sla_hours=float(row["sla_hours"]),
                tier=row["tier"],
                weak_keywords=words_of(row.get("weak_keywords_zh", "")),
                keywords_en=words_of(row.get("keywords_en", "").lower()),
            )
        )
    return tuple(rows), tuple(bad)


def _kind_fault(row: Mapping[str, str], seen: set[str]) -> str:
    code = row["code"]
    if not _KIND_CODE.fullmatch(code):
        return f"code {code!r} must be four digits; a spreadsheet may have cut the leading zero"
    if code in seen:
        return f"code {code} stands twice; give the second one a code of its own"
    for column in ("level1", "level2", "level3", "keywords_zh", "default_department"):
        if not row[column]:
            return f"{column} is empty; fill it in"
    if row["priority"] not in PRIORITIES:
        return f"priority {row['priority']!r} must be one of {', '.join(PRIORITIES)}"
    for column in ("first_contact_hours", "sla_hours"):
        if not re.fullmatch(r"\d{1,5}(\.\d{1,3})?", row[column]):
            return f"{column} {row[column]!r} must be a number of hours, like 0.5 or 24"
    return ""


def check_shape(rows: Sequence[KindRow], rejected: Sequence[Rejected], file: str) -> None:
    """Refuse a catalogue that is not exactly 8 categories, 22 items and 60 kinds.

    :raises ConfigError: with the counts found, and the first rejected line when there is one.
    """
    shape = (
        len({row.level1 for row in rows}),
        len({(row.level1, row.level2) for row in rows}),
        len(rows),
    )
    if shape == CATALOGUE_SHAPE:
        return
    found, wanted = ("/".join(map(str, counts)) for counts in (shape, CATALOGUE_SHAPE))
    message = f"the catalogue must hold {wanted} categories, items and kinds; {found} could be read"
    if rejected:
        first = rejected[0]
        raise ConfigError(f"{message}; first fault: {first.why}", file=first.file, line=first.line)
    raise ConfigError(f"{message}; add what is missing or take away what is too much", file=file)


def read_regions(text: str, file: str) -> tuple[tuple[RegionRow, ...], tuple[Rejected, ...]]:
    """Read the streets and their communities; a street comes before its communities.

    :raises ConfigError: when the text is no JSON or has no list of streets.
    """
    try:
        tree: Any = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"this is not JSON: {error}", file=file, line=line) from error
    streets = tree.get("streets") if isinstance(tree, dict) else None
    if not isinstance(streets, list):
        raise ConfigError('the file must hold an object with a list "streets"', file=file)
    rows: list[RegionRow] = []
    bad: list[Rejected] = []
    seen: set[str] = set()

    def take(entry: object, parent: RegionRow | None, in_2009: bool) -> RegionRow | None:
        code = str(entry.get("code", "")) if isinstance(entry, dict) else ""
        name = str(entry.get("name", "")).strip() if isinstance(entry, dict) else ""
        why = _region_fault(code, name, parent, seen)
        if why:
            bad.append(Rejected(file, line_of(text, code or name), why))
            return None
        seen.add(code)
        level = COMMUNITY if parent else STREET
        rows.append(RegionRow(code, name, level, parent.code if parent else None, in_2009))
        return rows[-1]

    for street in streets:
        in_2009 = isinstance(street, dict) and street.get("in_2009") is True
        row = take(street, None, in_2009)
        if row is None:
            continue
        communities = street.get("communities", [])
        if not isinstance(communities, list):
            bad.append(Rejected(file, line_of(text, row.code), f'"communities" of {row.name} must be a list'))
            continue
        for community in communities:
            take(community, row, in_2009)
    return tuple(rows), tuple(bad)


def _region_fault(code: str, name: str, parent: RegionRow | None, seen: set[str]) -> str:
    length = 12 if parent else 9
    if not _REGION_CODE.fullmatch(code) or len(code) != length:
        return f"region {name!r} has code {code!r}; it must be {length} digits"
    if parent and not code.startswith(parent.code):
        return f"community {name!r} has code {code}, which does not begin with its street's {parent.code}"
    if code in seen:
        return f"region code {code} stands twice; take one away"
    if not name or CONTROL.search(name):
        return f"region {code} has no usable name"
    return ""


def read_units(
    text: str,
    file: str,
    *,
    regions: Sequence[RegionRow],
    contacts: str,
    contacts_file: str,
) -> tuple[tuple[UnitRow, ...], tuple[Rejected, ...]]:
    """Make the units: one per street and community, and one per department that is not a street's office.

    A street's office (type ``街道``, with its region code) is the street itself: it keeps the street's
    code and takes the office's name, so that nobody finds the same desk twice.

    :param text: departments.csv.
    :param contacts: contacts.csv, the address of each unit.
    :raises ConfigError: when a column is missing.
    """
    bad: list[Rejected] = []
    streets = {row.code: row for row in regions if row.level == STREET}
    offices: dict[str, str] = {}
    departments: list[tuple[str, str]] = []
    seen: set[str] = set()
    for line, row, why in csv_rows(text, file, ("code", "name", "type", "region_code")):
        code, name, region = row.get("code", ""), row.get("name", ""), row.get("region_code", "")
        is_office = row.get("type") == STREET_OFFICE_TYPE
        if not why:
            why = _department_fault(code, name, seen)
        if not why and is_office and (region not in streets or region in offices):
            why = f"office {name!r} has region_code {region!r}; it must be a street of its own"
        if why:
            bad.append(Rejected(file, line, why))
            continue
        seen |= {code, name}
        if is_office:
            offices[region] = name
        else:
            departments.append((code, name))
    named = [(row.code, offices.get(row.code, row.name), row.level, row.code) for row in regions]
    known = {code for code, *_ in named} | {code for code, _ in departments}
    emails = _read_contacts(contacts, contacts_file, known, bad)
    units = [UnitRow(code, name, level, emails.get(code, ""), region) for code, name, level, region in named]
    units += [UnitRow(code, name, DEPARTMENT, emails.get(code, ""), None) for code, name in departments]
    return tuple(units), tuple(bad)


def _department_fault(code: str, name: str, seen: set[str]) -> str:
    if not _UNIT_CODE.fullmatch(code):
        return f"code {code!r} must be a capital letter and three digits, like D001"
    if not name:
        return f"{code} has no name; fill it in"
    if code in seen or name in seen:
        return f"{code} {name} stands twice; take one away"
    return ""


def _read_contacts(text: str, file: str, known: set[str], bad: list[Rejected]) -> dict[str, str]:
    emails: dict[str, str] = {}
    for line, row, why in csv_rows(text, file, ("unit_code", "email")):
        code, email = row.get("unit_code", ""), row.get("email", "")
        if not why and code not in known:
            why = f"no unit has the code {code!r}; see {DEPARTMENTS_FILE} and {REGIONS_FILE}"
        if not why and code in emails:
            why = f"unit {code} has a second address; one shared mailbox per unit, take one away"
        if not why and email and not is_email(email):
            why = f"unit {code}: {email!r} is no e-mail address; write name@host"
        if why:
            bad.append(Rejected(file, line, why))
        else:
            emails[code] = email
    return emails


def is_email(text: str) -> bool:
    """Tell whether a relay will accept this as an address (RFC 5321 4.1.2, dot-atom form only)."""
    local = text.partition("@")[0]
    return len(text) <= _EMAIL_LONGEST and len(local) <= 64 and bool(_EMAIL.fullmatch(text))


def read_places(
    text: str, file: str, *, regions: Sequence[RegionRow]
) -> tuple[tuple[PlaceRow, ...], tuple[Rejected, ...]]:
    """Read roads, hutongs and landmarks with the names people use for them.

    :raises ConfigError: when a column is missing.
    """
    streets = {row.name: row.code for row in regions if row.level == STREET}
    rows: list[PlaceRow] = []
    bad: list[Rejected] = []
    seen: set[tuple[str, str]] = set()
    for line, row, why in csv_rows(text, file, ("name", "alias", "street", "verified")):
        name, street = row.get("name", ""), streets.get(row.get("street", ""))
        if not why and len(name) < 2:
            why = f"place {name!r} needs at least two characters"
        if not why and street is None:
            why = f"place {name!r} lies in {row.get('street', '')!r}, which is no street of {REGIONS_FILE}"
        if not why and (name, street) in seen:
            why = f"place {name!r} stands twice in one street; take one away"
        if why or street is None:
            bad.append(Rejected(file, line, why))
            continue
        seen.add((name, street))
        aliases = tuple(alias for alias in words_of(row["alias"]) if len(alias) >= 2)
        rows.append(PlaceRow(name, aliases, street, verified=row["verified"] == "1"))
    return tuple(rows), tuple(bad)


def read_urgent(text: str, file: str) -> tuple[tuple[str, ...], tuple[Rejected, ...]]:
    """Read the phrases that make a demand urgent, Chinese or English.

    :raises ConfigError: when the column is missing.
    """
    phrases: list[str] = []
    bad: list[Rejected] = []
    for line, row, why in csv_rows(text, file, ("phrase",)):
        phrase = row.get("phrase", "")
        if not why and len(phrase) < 2:
            why = f"phrase {phrase!r} needs at least two characters, or every other call is urgent"
        if not why and phrase in phrases:
            why = f"phrase {phrase!r} stands twice; take one away"
        if why:
            bad.append(Rejected(file, line, why))
        else:
            phrases.append(phrase)
    return tuple(phrases), tuple(bad)
