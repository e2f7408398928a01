"""Create requests: the bodies of the two create operations, parsed and validated."""
