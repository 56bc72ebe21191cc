"""Voice without I/O: codecs, RTP, key presses and recordings, as arrays of all calls at once."""
