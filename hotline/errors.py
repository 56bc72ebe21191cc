"""The error tree of the product.

HotlineError
├── ConfigError           a file or setting of the site is wrong; names file, line and remedy
├── RemoteProtocolError   the other side broke a protocol; carries the status to answer with
├── LocalProtocolError    we broke our own rules: a bug, never caught on purpose
├── OutsideError          a store, gateway, recogniser or disk failed; the work may be tried again
└── Refused               a person may not do this, or not now; says why in her words
"""

from __future__ import annotations


class HotlineError(Exception):
    """Base of every error that this product raises by intention."""


class ConfigError(HotlineError):
    """A setting or a file of the site is wrong.

    :param message: what is wrong, and what to do about it.
    :param file: the file that holds the mistake, as the reader would type it.
    :param line: line in that file, counted from 1; None when no single line is to blame.
    """

    def __init__(self, message: str, *, file: str = "", line: int | None = None) -> None:
        self.message, self.file, self.line = message, file, line
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{message}")


class RemoteProtocolError(HotlineError):
    """The other side sent what its protocol does not allow.

    :param status_hint: SIP status that tells the sender best (400 unless known better).
    """

    def __init__(self, message: str, *, status_hint: int = 400) -> None:
        self.status_hint = status_hint
        super().__init__(message)


class LocalProtocolError(HotlineError):
    """Our own code asked a machine for a move that its table does not hold."""


class OutsideError(HotlineError):
    """Something outside this process failed; trying again may help.

    :param permanent: True when trying again cannot help (an address that does not exist).
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        super().__init__(message)


class Refused(HotlineError):  # noqa: N818 - a person is refused, nothing erred
    """A person asked for what her role, the state or the version does not allow.

    :param code: stable word for the reason, for the console's own wording
        (``login``, ``role``, ``state``, ``stale``, ``missing``, ``input``).
    """

    def __init__(self, message: str, *, code: str) -> None:
        self.code = code
        super().__init__(message)
