"""The edge to those who work: letters to streets and departments."""
