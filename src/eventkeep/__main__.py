"""``python -m eventkeep``: the same program as ``eventkeep``."""

from eventkeep.cli import main

if __name__ == "__main__":
    main()
