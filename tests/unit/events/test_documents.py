"""Documents of several files: their files and blocks are the same with the compiled library and in numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import EventStoreError
from eventkeep.events.blocks import BLOCK_DOCUMENTS_MAX
from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.documents import (
    NUMBER_BITS,
    DocumentFile,
    DocumentWriter,
    Located,
    locate,
    locate_in_python,
    read_documents,
)
from eventkeep.events.format import DOCUMENTS_MAGIC, Head
from eventkeep.events.texts import DocumentTexts
from eventkeep.files import Files
from eventkeep.native import store_pieces
from tests.event_samples import Row, columns

STORE: Final = 0xE7E7
DOCUMENTS: Final = (100, 1, 0, BLOCK_DOCUMENTS_MAX, 40)
"""Documents of each file."""
FULL: Final = tuple(file for file, count in enumerate(DOCUMENTS) if count)
WANTED: Final = st.lists(
    st.sampled_from(FULL).flatmap(lambda file: st.tuples(st.just(file), st.integers(0, DOCUMENTS[file] - 1))),
    max_size=40,
)
"""Documents, each by the place of its file and its own place there: unordered, and some more than once."""
COLUMNS: Final = ("file_of", "offsets", "sizes", "checksums", "raw_sizes", "block_of", "number_of")
HALVES: Final = st.sampled_from([0, 1, 2**31, 2**32 - 1])

needs_library = pytest.mark.skipif(not store_pieces.is_built(), reason="the compiled library was not built")


class Written(NamedTuple):
    """Document files, and the slots of the documents of each."""

    opened: OpenFiles
    files: list[DocumentFile]
    slots: list[list[int]]

    def places_of(self, wanted: Sequence[tuple[int, int]]) -> tuple[store_pieces.Sizes, store_pieces.Sizes]:
        """The file of each document and its slot (each of shape [n])."""
        slots = [self.slots[file][place] for file, place in wanted]
        return np.array([file for file, _ in wanted], dtype=np.uint32), np.array(slots, dtype=np.uint32)


def properties_of(file: int, place: int) -> bytes:
    return b'{"file":%d,"place":%d}' % (file, place)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    folder = tmp_path_factory.mktemp("documents")
    opened = OpenFiles(Files())
    files: list[DocumentFile] = []
    slots: list[list[int]] = []
    for file, count in enumerate(DOCUMENTS):
        writer = DocumentWriter(opened.files, folder, Head(DOCUMENTS_MAGIC, STORE, file + 1, 1, 1))
        rows = columns([Row(id=place, properties=properties_of(file, place)) for place in range(count)])
        own: list[int] = []
        if count:
            ids, breaks = rows.numbers["id"], np.zeros(1, dtype=np.int64)
            own += writer.add(DocumentTexts.of_commits([rows]), ids, breaks).tolist()
        slots.append(own)
        files.append(DocumentFile(opened, folder, STORE, writer.finish()))
    yield Written(opened, files, slots)
    opened.close()


def assert_same(found: Located, expected: Located) -> None:
    assert found.paths == expected.paths
    for name in COLUMNS:
        own, other = getattr(found, name), getattr(expected, name)
        assert (own.dtype, own.tolist()) == (other.dtype, other.tolist()), name


@needs_library
@given(WANTED)
def test_blocks_are_located_as_in_numpy(written: Written, wanted: list[tuple[int, int]]) -> None:
    places = written.places_of(wanted)
    found = locate(written.files, *places)
    assert_same(found, locate_in_python(written.files, *places))
    assert len(found.offsets) == len({(file, place // BLOCK_DOCUMENTS_MAX) for file, place in wanted})


@pytest.mark.parametrize("is_built", [pytest.param(True, marks=needs_library), False])
def test_documents_come_in_the_order_they_are_wanted_in(
    written: Written, is_built: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_pieces, "is_built", lambda: is_built)
    wanted = [(4, 39), (0, 99), (1, 0), (0, 3), (0, 3), (4, 0), (3, 15), (0, 98), (4, 39)]
    texts = read_documents(written.opened, locate(written.files, *written.places_of(wanted)))
    assert texts.properties.texts() == [properties_of(file, place) for file, place in wanted]


@pytest.mark.parametrize("is_built", [pytest.param(True, marks=needs_library), False])
@pytest.mark.parametrize(
    ("past", "file", "blocks"),
    [
        ([(0, 7, 0)], 0, 7),
        ([(1, 1, 15)], 1, 1),
        ([(2, 0, 0)], 2, 0),
        ([(4, 2**32 - 1 >> NUMBER_BITS, 0)], 4, 3),
        # The file of the first such document is named.
        ([(4, 3, 0), (0, 7, 0)], 4, 3),
        ([(0, 8, 0), (4, 3, 0), (0, 7, 0)], 0, 7),
    ],
)
def test_a_slot_past_the_table_of_its_file_is_refused(
    written: Written,
    past: list[tuple[int, int, int]],
    file: int,
    blocks: int,
    is_built: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of ``past`` is a file's place, a block, and the document's number in it."""
    monkeypatch.setattr(store_pieces, "is_built", lambda: is_built)
    files, slots = written.places_of([(0, 5), (3, 2), (4, 17)])
    files = np.append(files, np.array([each for each, *_ in past], dtype=np.uint32))
    own = [block << NUMBER_BITS | number for _, block, number in past]
    slots = np.append(slots, np.array(own, dtype=np.uint32))
    with pytest.raises(EventStoreError) as refused:
        locate(written.files, files, slots)
    assert str(refused.value).startswith(
        f"{written.files[file].path} has {blocks} blocks, and a segment names one past them"
    )


def test_tables_of_files_without_a_wanted_document_are_not_read(written: Written, tmp_path: Path) -> None:
    missing = DocumentFile(written.opened, tmp_path, STORE, written.files[1].entry)
    files, slots = written.places_of([(0, 1), (0, 50)])
    for find in (locate, locate_in_python):
        assert find([written.files[0], missing], files, slots).file_of.tolist() == [0, 0]
    with pytest.raises(EventStoreError, match="can't be opened"):
        locate([missing], files, slots)


@needs_library
@given(st.lists(st.tuples(HALVES, HALVES), max_size=40))
def test_files_are_numbered_in_the_order_they_are_met_in(documents: list[tuple[int, int]]) -> None:
    parts, places = (np.array([each[half] for each in documents], dtype=np.int64) for half in (0, 1))
    file_of, files = store_pieces.number_files(parts, places)
    met = list(dict.fromkeys(documents))
    assert [(word >> 32, word & 0xFFFFFFFF) for word in files.tolist()] == met
    assert file_of.tolist() == [met.index(each) for each in documents]
