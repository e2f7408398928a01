"""Reading events out of a server: pages -> records -> a file, or another server.

Needs nothing but the base install, apart from Parquet, which needs pyarrow.
"""
