"""The SDK, with which a Python program sends and reads events. Its names are those of ``eventkeep`` itself."""
