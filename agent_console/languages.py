"""Languages of the console: English is written in the templates, Chinese in ``locale/zh_CN``.

The ``.po`` file is compiled in memory when the console starts, so there is no binary file that
could drift from it.
"""

from __future__ import annotations

import gettext
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE_DIR: Final = Path(__file__).parent / "locale"
DEFAULT: Final = "zh"


@dataclass(frozen=True, slots=True)
class Language:
    """One language that a person can choose."""

    code: str
    """``zh`` or ``en``, as in Actor.language."""
    tag: str
    """BCP 47 tag of the page; it also picks the glyphs of Han characters."""
    own_name: str
    """What its readers call it."""
    texts: gettext.NullTranslations

    def say(self, message: str, **values: object) -> str:
        """Translate a message and fill in its values (``%(name)s``)."""
        text = self.texts.gettext(message)
        return text % values if values else text


def _compiled(folder: str) -> gettext.GNUTranslations:
    path = LOCALE_DIR / folder / "LC_MESSAGES" / "agent_console.po"
    with path.open("rb") as file:
        catalog = read_po(file)
    packed = BytesIO()
    write_mo(packed, catalog)
    packed.seek(0)
    return gettext.GNUTranslations(packed)


@cache
def load_languages() -> dict[str, Language]:
    """Load all languages, the default one first."""
    chinese = Language("zh", "zh-CN", "中文", _compiled("zh_CN"))
    english = Language("en", "en", "English", gettext.NullTranslations())
    return {language.code: language for language in (chinese, english)}


def preferred(header: str) -> str:
    """Choose the language of somebody who is not logged in yet, from Accept-Language (RFC 9110, 12.5.4)."""
    best, best_weight = DEFAULT, 0.0
    for part in header[:1000].split(","):
        tag, _, parameters = part.strip().partition(";")
        code = tag.strip().lower().partition("-")[0]
        if code not in {"zh", "en"}:
            continue
        try:
            weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
        except ValueError:
            continue
        if weight > best_weight:
            best, best_weight = code, weight
    return best
