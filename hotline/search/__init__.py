"""Search over requests: how Chinese text becomes words of an index, and what a person asks for."""
