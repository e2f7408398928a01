"""The wire, without I/O: documents, queries, cursors, revisions, responses and error documents."""
