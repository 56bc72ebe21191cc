"""The telephones of the house: who may register, and what each may do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from hotline.sip.digest import Secret
from hotline.sip.voice_terms import VoicePolicy

ANY_PHONE_VOICE: Final = VoicePolicy()


@dataclass(frozen=True, slots=True)
class Phone:
    """One account; several telephones may register with it, and all of them ring."""

    user: str
    """User part of its address of record, which is also its extension."""
    secret: Secret
    display_name: str = ""
    user_name: str = ""
    """The person at the console whose telephone it is; empty: nobody's in particular."""
    voice: VoicePolicy = ANY_PHONE_VOICE
    caller_number: str = ""
    """Number that its calls to the outside may show, E.164; empty: as the trunk says."""


class PhoneBook:
    """All accounts as of the last look into the store."""

    def __init__(self, phones: Iterable[Phone] = ()) -> None:
        self._phones = {phone.user: phone for phone in phones}

    def __len__(self) -> int:
        return len(self._phones)

    def __iter__(self) -> Iterator[Phone]:
        return iter(self._phones.values())

    def get(self, user: str) -> Phone | None:
        """Find an account; None when there is none, or it may not be used."""
        return self._phones.get(user)

    def secret_of(self, user: str) -> Secret | None:
        """Find the secret of an account."""
        phone = self._phones.get(user)
        return phone.secret if phone else None

    def replace(self, phones: Iterable[Phone]) -> frozenset[str]:
        """Take what the store holds now.

        :returns: users who are gone or have another password: what they proved before counts no more.
        """
        new = {phone.user: phone for phone in phones}
        changed = {
            user for user, old in self._phones.items() if user not in new or new[user].secret != old.secret
        }
        self._phones = new
        return frozenset(changed)
