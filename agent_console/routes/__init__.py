"""The addresses of the console, one module per page."""
