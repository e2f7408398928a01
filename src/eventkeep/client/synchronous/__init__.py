"""The client without asyncio: made from ``asynchronous`` by ``tools/async_to_sync.py``, apart from ``waiting``."""
