"""The words of a district: its place names put right, and shown to the recogniser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hotline.errors import ConfigError
from hotline.routing.district import DISTRICT_FILES, STREET, District, read_district
from hotline.routing.gazetteer import Gazetteer
from hotline.speech.listening import SERVICE

STREETS_SHOWN: Final = 20
"""The recogniser takes about 150 characters; streets come first, then the words of the service."""


@dataclass(frozen=True, slots=True)
class LocalWords:
    """What a listener knows of its district."""

    fix: Callable[[str], str]
    """Puts misheard place names right."""
    service: Mapping[str, str]
    """Text that the recogniser is shown, by language."""


def read_local_words_blocking(config_dir: Path | None) -> LocalWords:
    """Read the words of the district.

    :param config_dir: None for a listener that knows no district.
    :raises ConfigError: when a file of the district is missing or has no usable form.
    """
    if config_dir is None:
        return LocalWords(str, SERVICE)
    try:
        texts = {name: (config_dir / name).read_text(encoding="utf-8-sig") for name in DISTRICT_FILES}
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(error.filename)) from error
    district, _ = read_district(texts)
    gazetteer = Gazetteer(district.regions, district.places)
    return LocalWords(lambda text: gazetteer.correct(text)[0], show(district))


def show(district: District) -> dict[str, str]:
    """Write the text that the recogniser is shown."""
    streets = [region.name.removesuffix("街道") for region in district.regions if region.level == STREET]
    return {**SERVICE, "zh": f"{'、'.join(streets[:STREETS_SHOWN])}、{SERVICE['zh']}"}
