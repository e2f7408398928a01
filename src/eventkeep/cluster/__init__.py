"""Many machines: the log as a replicated stream, one leader by a lease, and followers that apply its records.

Everything that speaks to NATS is in this package, and the library for it is imported only when a link is opened.
"""
