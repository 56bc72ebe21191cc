"""Every action a person may take at a console, checked against the role policy."""
