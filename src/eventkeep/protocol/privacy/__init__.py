"""Requests to delete a person's data."""
