"""The controls of a stand-in, put around an application: clocks, faults, a journal, seeds."""
