"""What eventkeep does in how much time: ``python -m bench``."""
