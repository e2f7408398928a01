"""The server: HTTP in, HTTP out. Who may ask, how often, and which operation answers."""
