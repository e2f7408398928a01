"""The one log: every change of a data folder as a record with a position.

The directory and the event store are views of it. What carries the records is a transport: files on one machine.
"""
