"""Programs that run the product from outside: the demo, the second phone."""
