"""Profiles by themselves: read, created, updated, imported and merged."""
