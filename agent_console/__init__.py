"""Everything a browser sees."""
