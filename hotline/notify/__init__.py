"""The edge to those who work: letters to streets and departments."""

from __future__ import annotations

from hotline.notify.letters import LetterWriter
from hotline.notify.service import MailService

__all__ = ["LetterWriter", "MailService"]
