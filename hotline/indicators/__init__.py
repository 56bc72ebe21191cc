"""Indicators: figures of calls, requests and units, recomputed from the ledger by versioned formulas."""
