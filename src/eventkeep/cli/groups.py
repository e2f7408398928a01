"""Groups of commands that list if no command is given."""

from __future__ import annotations

from typing import Any, Final

from typer.core import TyperGroup

LIST: Final = "list"


class ListsByDefault(TyperGroup):
    """``eventkeep events --limit 5`` is ``eventkeep events list --limit 5``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``list`` first if the arguments have no command and don't ask for help."""
        if not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)):
            args = [LIST, *args]
        return super().parse_args(ctx, args)
