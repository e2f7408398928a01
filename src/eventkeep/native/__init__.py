"""The parts in C: the reader of plain create bodies, which takes a fifth of the time that Python takes, the
writer of pages of events, which takes a ninth, and the places of the seen filter, which take a sixth.

They are built if a C compiler is at hand while eventkeep is installed. Without one
everything works as well, and bulk loads and pages take more of the CPU.
"""
