"""Taking rows of a file in as events: rows -> mapping -> bulk requests -> server.

Needs nothing but the base install, so that a machine without a store can import.
"""
