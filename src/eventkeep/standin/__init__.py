"""The controls of a stand-in: clocks, faults, a journal of requests, seeds. Rules without I/O for the server."""
