"""Handing a mail to the site's relay over SMTP (RFC 5321), and telling how it went.

The answers fall into four classes, because each asks for something else:

* permanent: this letter will never be taken (5xx after RCPT TO or DATA);
* temporary: this letter may be taken later (4xx after RCPT TO or DATA);
* unreachable: no letter can be handed over now (no connection, wrong certificate, refused log-in,
  refused sender, 421): the fault lies with the relay or our settings, so letters must not die of it;
* uncertain: the whole letter was sent and no answer came; it may have been taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from email.message import EmailMessage
from typing import Final

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError

from hotline.errors import ConfigError, OutsideError
from hotline.settings import MailSettings

GREETING_SHARE: Final = 2.0
"""Limit of connecting, greeting, securing and logging in together, as a multiple of ``timeout_s``."""
DATA_SHARE: Final = 2.0
"""Limit of handing the text over and hearing the answer: RFC 5321, 4.5.3.2.6 gives it the most time."""
PARTING_S: Final = 2.0
ANSWER_LONGEST: Final = 300
"""Characters kept of a relay's answer."""
_SERVICE_CLOSING: Final = 421  # RFC 5321, 4.2.3


class Outcome(enum.Enum):
    """Why a letter was not handed over."""

    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    UNREACHABLE = "unreachable"
    UNCERTAIN = "uncertain"


class DeliveryError(OutsideError):
    """The relay did not take a letter, or did not say that it did."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        self.outcome = outcome
        super().__init__(message, permanent=outcome is Outcome.PERMANENT)


def read_password(settings: MailSettings) -> str | None:
    """Read the relay's password from its file; None when no user is set.

    :raises ConfigError: when a user is set and there is no readable password.
    """
    if not settings.user:
        return None
    if settings.password_file is None:
        raise ConfigError("[mail] user is set, so password_file must name the file that holds the password")
    try:
        password = settings.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"[mail] password_file cannot be read: {error}", file=str(settings.password_file)
        ) from error
    if not password:
        raise ConfigError("[mail] password_file is empty", file=str(settings.password_file))
    return password


class Relay:
    """The site's SMTP relay: one connection a letter, since letters are few.

    :param host_name: what we call ourselves in EHLO; asking the resolver would block.
    :raises ConfigError: when the password cannot be read.
    """

    def __init__(self, settings: MailSettings, host_name: str) -> None:
        self._settings = settings
        self._host_name = host_name
        self._password = read_password(settings)

    @property
    def is_set(self) -> bool:
        """False while the site has named no relay."""
        return bool(self._settings.host)

    @property
    def longest_s(self) -> float:
        """The longest that ``deliver`` takes."""
        return self._settings.timeout_s * (GREETING_SHARE + 2 + DATA_SHARE) + PARTING_S

    async def deliver(self, message: EmailMessage, recipient: str) -> str:
        """Hand a letter over.

        :param recipient: address for the envelope.
        :returns: the relay's answer, as proof.
        :raises DeliveryError: with the class of what happened.
        """
        settings = self._settings
        client = SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=self._password,
            local_hostname=self._host_name,
            timeout=settings.timeout_s,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
        )
        try:
            await self._greet(client)
            await self._envelope(client, recipient)
            answer = await self._data(client, message)
        except DeliveryError as error:
            if error.outcome in (Outcome.PERMANENT, Outcome.TEMPORARY):
                await self._part(client)
            raise
        else:
            await self._part(client)
            return answer
        finally:
            client.close()

    async def _greet(self, client: SMTP) -> None:
        try:
            # The library's own limit holds for each answer; this one for all of them together.
            async with asyncio.timeout(self._settings.timeout_s * GREETING_SHARE):
                await client.connect()
        except (SMTPException, OSError, ValueError) as error:
            raise self._unreachable(error) from error

    async def _envelope(self, client: SMTP, recipient: str) -> None:
        try:
            await client.mail(self._settings.sender)
        except (SMTPException, OSError) as error:
            raise self._unreachable(error) from error
        try:
            await client.rcpt(recipient)
        except SMTPResponseException as error:
            raise _refused(error) from error
        except (SMTPException, OSError) as error:
            raise self._unreachable(error) from error

    async def _data(self, client: SMTP, message: EmailMessage) -> str:
        try:
            async with asyncio.timeout(self._settings.timeout_s * DATA_SHARE):
                answer = await client.data(message.as_bytes(), timeout=None)
        except SMTPResponseException as error:
            raise _refused(error) from error
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
            raise DeliveryError(
                Outcome.UNCERTAIN,
                f"the relay got the letter but did not confirm it: {_said(error) or type(error).__name__}",
            ) from error
        return _short(f"{answer.code} {answer.message}")

    async def _part(self, client: SMTP) -> None:
        """Say good-bye to a relay that answers; whatever goes wrong with it, the letter's fate is sealed."""
        with contextlib.suppress(SMTPException, OSError):
            await client.quit(timeout=min(self._settings.timeout_s, PARTING_S))

    def _unreachable(self, error: Exception) -> DeliveryError:
        where = f"{self._settings.host}:{self._settings.port}"
        what = _said(error)
        return DeliveryError(Outcome.UNREACHABLE, f"the relay {where} cannot be used: {what}")


def _refused(error: SMTPResponseException) -> DeliveryError:
    what = _said(error)
    if error.code == _SERVICE_CLOSING:
        return DeliveryError(Outcome.UNREACHABLE, f"the relay is closing: {what}")
    if error.code >= 500:
        return DeliveryError(Outcome.PERMANENT, f"the relay refused the letter: {what}")
    return DeliveryError(Outcome.TEMPORARY, f"the relay asks to try again: {what}")


def _said(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return _short(f"{error.code} {error.message}")
    return _short(str(error)) or type(error).__name__


def _short(text: str) -> str:
    return " ".join(text.split())[:ANSWER_LONGEST]
