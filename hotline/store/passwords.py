"""Password hashes: Argon2id, slow on purpose, in a thread of its own (fills the desk's PasswordHasher)."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError


class Argon2Passwords:
    """Hashes one password at a time, so that a flood of logins cannot take the machine's cores and memory."""

    def __init__(self) -> None:
        self._argon2 = Argon2()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """Hash a password."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.hash_blocking, password)

    async def verify(self, password_hash: str, password: str) -> bool:
        """Tell whether a password fits; an empty hash costs the same time and never fits."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self.verify_blocking, password_hash, password)

    def hash_blocking(self, password: str) -> str:
        """Hash a password in this thread (some 0.2 s)."""
        return self._argon2.hash(password.encode("utf-8", "surrogatepass"))

    def verify_blocking(self, password_hash: str, password: str) -> bool:
        """Check a password in this thread."""
        if not self._nobody:
            self._nobody = self._argon2.hash(secrets.token_bytes(16))
        try:
            fits = self._argon2.verify(
                password_hash or self._nobody, password.encode("utf-8", "surrogatepass")
            )
        except (VerificationError, InvalidHashError):
            return False
        return fits and bool(password_hash)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)
