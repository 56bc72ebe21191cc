"""Suggestions, each with its reason: what kind of demand, where, and whose job."""
