"""What happened, and who is told: event records, the bus, and the outbox, as interfaces."""
