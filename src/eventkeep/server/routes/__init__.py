"""Handlers of operations, a file for each family of routes."""
