"""The edge to recognition: worker processes that turn a recording into text."""
