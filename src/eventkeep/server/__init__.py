"""The server: HTTP in, HTTP out. It checks keys and rate limits, and routes each request to its operation."""
