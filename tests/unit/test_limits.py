"""``eventkeep.limits`` collects its modules by star imports, which hide what these tests find."""

from __future__ import annotations

import re
from collections import Counter

from eventkeep import limits
from eventkeep.limits import memory
from tests.source_tree import source_files
from tools.reference.limits import limits_of, modules


def test_every_module_is_collected_and_no_name_is_in_two() -> None:
    names = Counter(limit.name for module in modules() for limit in limits_of(module))
    assert names
    assert [name for name, count in names.items() if count > 1] == []
    assert names.keys() == {name for name in vars(limits) if name.isupper()}


def test_every_limit_is_used() -> None:
    """Those of ``memory`` are sums of others, for the documentation and the tests."""
    words = Counter(word for path in source_files() for word in re.findall(r"[A-Z][A-Z0-9_]+", path.read_text("utf-8")))
    own = {limit.name for module in modules() if module is not memory for limit in limits_of(module)}
    assert own
    assert [name for name in sorted(own) if words[name] < 2] == []
