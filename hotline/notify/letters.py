"""Writing letters: one mail, text and HTML, in Chinese or English.

What a caller or a transcript says is text and nothing else: it reaches the HTML escaped, never
reaches a header, and loses characters that control a terminal or turn the reading direction. The
subject names number and urgency only, because subjects show up on locked telephones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from hotline.errors import ConfigError, OutsideError
from hotline.intake.ports import Letter

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")

# C0 and C1 but for the line feed; marks that turn the reading direction; separators that some mail
# readers take for line ends; lone surrogates, which no encoding can carry.
_UNSEEMLY: Final = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_NO_NUMBER: Final = re.compile(r"[^0-9A-Za-z]")
_LINE_END: Final = re.compile(r"\r\n?|\n|\u2028|\u2029|\x0b|\x0c|\x85")
HEADER_LONGEST: Final = 120
"""Characters of a value in a header: folding long ones takes time that grows with their square."""
TEXT_LONGEST: Final = 20_000
"""Characters of a text in the body."""
_ADDRESS_CHARACTERS: Final = re.compile(r"[\x21-\x7e]+")


def clean(text: str) -> str:
    """Take out what is no text, keeping line ends as line feeds."""
    return _UNSEEMLY.sub("", _LINE_END.sub("\n", text)).strip()


def one_line(text: str) -> str:
    """Clean a text and put it on one line."""
    return " ".join(clean(text[:TEXT_LONGEST]).split())


def _for_header(text: str) -> str:
    return one_line(text)[:HEADER_LONGEST]


class LetterWriter:
    """Writes the letters of one site.

    :param sender: address that letters come from; its host names the Message-IDs.
    :param site_name: name shown as sender.
    :param base_url: address of the console, without a slash at the end.
    :param time_zone: zone that times are written in.
    :raises ConfigError: when the sender is no address.
    """

    def __init__(
        self, *, sender: str, site_name: str, base_url: str, time_zone: str, language: Language = "zh"
    ) -> None:
        try:
            self._sender = Address(_for_header(site_name), addr_spec=sender)
        except (ValueError, MessageError, IndexError) as error:
            raise ConfigError(
                f"[mail] sender {sender!r} is no e-mail address; write one like hotline@example.org"
            ) from error
        self.host = self._sender.domain
        self._site_name = one_line(site_name)
        self._base_url = base_url.rstrip("/")
        self._zone = ZoneInfo(time_zone)
        self._language: Language = language
        loader = PackageLoader("hotline.notify", "templates")
        self._text = _environment(loader, escape=False)
        self._html = _environment(loader, escape=True)

    def write(self, letter: Letter, at: datetime) -> EmailMessage:
        """Write the mail of a letter.

        :param at: now, for the Date header.
        :raises OutsideError: permanent, when the address cannot be written to.
        """
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = self._recipient(letter)
        message["Subject"] = _for_header(self._render(self._text, "subject", "txt", letter))
        message["Date"] = format_datetime(at.astimezone(self._zone))
        message["Message-ID"] = self.message_id(letter)
        # Never sent itself, but the same for all letters of a request: mail readers put them together.
        thread = f"<r{_NO_NUMBER.sub('', letter.request_number)[:40]}@{self.host}>"
        message["In-Reply-To"] = message["References"] = thread
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: no out-of-office replies, please
        message["Content-Language"] = {"zh": "zh-CN", "en": "en"}[self._language]
        if letter.priority == "P1":
            message["Importance"] = "high"  # RFC 4021, 2.1.55
            message["X-Priority"] = "1"
        message.set_content(self._render(self._text, "letter", "txt", letter), cte="base64")
        html = self._render(self._html, "letter", "html", letter)
        message.add_alternative(html, subtype="html", cte="base64")
        return message

    def message_id(self, letter: Letter) -> str:
        """Name the mail: the same for every try, so that a repeat can be told from a second letter."""
        what = f"{letter.notice_id} {letter.order_id} {letter.request_number} {letter.routed_at.isoformat()}"
        token = hashlib.sha256(what.encode(errors="replace")).hexdigest()[:16]
        return f"<n{letter.notice_id}.{token}@{self.host}>"

    def _recipient(self, letter: Letter) -> Address:
        address = letter.to_address
        try:
            if not _ADDRESS_CHARACTERS.fullmatch(address):
                raise ValueError("an address holds letters, digits and signs of ASCII only")
            return Address(_for_header(letter.unit_name), addr_spec=address)
        except (ValueError, MessageError, IndexError) as error:
            raise OutsideError(
                f"the address {_for_header(address)!r} of {_for_header(letter.unit_name)} cannot be used: "
                f"{error}",
                permanent=True,
            ) from error

    def _render(self, environment: SandboxedEnvironment, name: str, form: str, letter: Letter) -> str:
        template = environment.get_template(f"{name}_{self._language}.{form}")
        return template.render(self._values(letter))

    def _values(self, letter: Letter) -> Mapping[str, object]:
        return {
            "site_name": self._site_name,
            "unit_name": one_line(letter.unit_name),
            "number": one_line(letter.request_number),
            "priority": one_line(letter.priority),
            "is_co": letter.is_co,
            "kind": one_line(letter.kind_label),
            "region": one_line(letter.region_name),
            "place": one_line(letter.place),
            "paragraphs": [line for line in clean(letter.text[:TEXT_LONGEST]).split("\n") if line.strip()],
            "is_unsure": letter.transcript_confidence in ("mid", "low", "none"),
            "caller": one_line(letter.caller),
            "called_at": self._moment(letter.called_at),
            "routed_at": self._moment(letter.routed_at),
            "routed_by": one_line(letter.routed_by),
            "note": [line for line in clean(letter.note[:TEXT_LONGEST]).split("\n") if line.strip()],
            "link": f"{self._base_url}{letter.console_path}",
        }

    def _moment(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")


def _environment(loader: PackageLoader, *, escape: bool) -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=loader,
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
