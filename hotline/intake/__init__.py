"""The path from a recording to a service request, and the interfaces of the edges it needs."""
