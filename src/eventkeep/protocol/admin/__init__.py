"""eventkeep's own operations under ``/eventkeep/``: their queries, documents and registry."""
