"""Every limit, by name, with its unit. Nothing in eventkeep is unbounded.

A module for each subject. Code imports the names from here.
"""

from eventkeep.limits.client import *
from eventkeep.limits.cluster import *
from eventkeep.limits.commands import *
from eventkeep.limits.connections import *
from eventkeep.limits.directory import *
from eventkeep.limits.event_store import *
from eventkeep.limits.ingest import *
from eventkeep.limits.log import *
from eventkeep.limits.memory import *
from eventkeep.limits.payloads import *
from eventkeep.limits.reads import *
from eventkeep.limits.server import *
from eventkeep.limits.standin import *
from eventkeep.limits.transfers import *
