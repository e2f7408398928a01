"""The SDK: what a Python program sends and reads events with. Its names are those of ``eventkeep`` itself."""
