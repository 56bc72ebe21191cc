"""Service requests and work orders: numbers, states, and who may move them."""
