"""The telephony and intake system of a city district's service line."""
