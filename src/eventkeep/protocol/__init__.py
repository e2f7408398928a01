"""The wire, without I/O: documents, queries, cursors, revisions, answers and error documents."""
