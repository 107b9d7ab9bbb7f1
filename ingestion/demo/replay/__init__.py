"""Small servers that answer as the real systems were recorded to: for the tests, and for a machine without any."""
