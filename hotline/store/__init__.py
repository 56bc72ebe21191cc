"""The edge to the database and the disk: what is written before it is told."""

from hotline.store.store import Store

__all__ = ["Store"]
