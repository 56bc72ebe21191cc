"""Everything a browser sees: pages, live events, sound. Knows hotline.desk and hotline.events only."""
