"""``hotline audit verify`` says that the ledger holds, or names what does not and exits with 1."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_recording_commands import Ask, ask, site

__all__ = ["ask", "site"]


def test_a_whole_ledger_is_said_to_hold(ask: Ask) -> None:
    done = ask("audit", "verify")
    assert done.exit_code == 0
    assert "the ledger holds: 5 rows, 2 requests, 3 recordings compared" in " ".join(done.output.split())


def test_a_recording_that_was_changed_is_named(ask: Ask, site: Path) -> None:
    file = sorted((site / "recordings").glob("*/*.alaw"))[0]
    file.write_bytes(b"something else")
    done = ask("audit", "verify")
    assert done.exit_code == 1
    assert "of the ledger: recording 20261123-0900-ab-1" in " ".join(done.output.split())
    assert ask("audit", "verify", "--no-files").exit_code == 0
