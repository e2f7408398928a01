"""Measures the speed of eventkeep: ``python -m bench``."""
