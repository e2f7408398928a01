"""The client for asyncio. ``tools/async_to_sync.py`` makes ``synchronous`` from all of it but ``waiting``."""
