"""A telephone of its own: pyVoIP in a process and an environment of its own."""
