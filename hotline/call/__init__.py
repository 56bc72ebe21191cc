"""One call from the first ring to the last frame, as a machine."""
