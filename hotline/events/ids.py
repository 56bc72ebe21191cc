"""The names of things, as types, so that one cannot stand for another."""

from __future__ import annotations

from typing import NewType

CallId = NewType("CallId", str)
"""Our own key of a call, made when it is offered: letters, digits and ``-`` only, safe as a file name."""

RecordingId = NewType("RecordingId", str)
"""``<call_id>-<n>``: the n-th recording of a call, counted from 1."""

RequestNumber = NewType("RequestNumber", str)
"""Twelve digits, the last one a check digit; what is read to the caller."""
