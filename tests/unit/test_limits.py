"""``eventkeep.limits`` collects its modules by star imports; these tests find what a star would hide."""

from __future__ import annotations

from collections import Counter

from eventkeep import limits
from tools.reference.limits import limits_of, modules


def test_every_module_is_collected_and_no_name_is_in_two() -> None:
    names = Counter(limit.name for module in modules() for limit in limits_of(module))
    assert names
    assert [name for name, count in names.items() if count > 1] == []
    assert names.keys() == {name for name in vars(limits) if name.isupper()}
