"""The rules of events, profiles and metrics. No I/O, no clock of its own."""
