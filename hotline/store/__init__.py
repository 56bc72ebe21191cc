"""The edge to the database and the disk: what is written before it is told."""
