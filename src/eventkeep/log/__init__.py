"""The one log: every change of a data folder as a record with a position.

The directory and the event store are views of it. A transport carries the records: files on one machine.
"""
