"""SIP without I/O: messages, transactions, dialogs and the user agent (RFC 3261, 3264, 6026)."""
