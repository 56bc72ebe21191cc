"""The flow language: what a caller hears and what her keys and words lead to."""
