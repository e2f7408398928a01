"""What a run of the program loads: imported once, in the process from which the runs are forked."""

from __future__ import annotations

import eventkeep.cli.app
import eventkeep.directory.reader
import eventkeep.importer.sending
import eventkeep.server.serve

__all__ = ["eventkeep"]
