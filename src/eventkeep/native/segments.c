/* Pieces of the event store's files are read and verified, and documents are put into blocks and cut out of them.
   The layout is told in docs/segment-format.md. */

#define _XOPEN_SOURCE 700

#include "pieces.h"

#define EXPORTED __attribute__((visibility("default")))

enum { SIZE_BYTES = 4, RUN_BYTES_MAX = 1 << 24 };

/* Pieces of files: the descriptor, start, size and expected checksum of each. */
struct pieces {
    const int32_t *files;
    const uint64_t *offsets;
    const uint32_t *sizes;
    const uint64_t *checksums;
    size_t count;
};

/* Reads the pieces one after the other into ``out`` and verifies each. Returns the place of the first that could not
   be read (``error`` is then the system's error number) or is damaged (``error`` is 0); ``count`` if all are good. */
EXPORTED size_t eventkeep_read_pieces(const struct pieces *pieces, uint8_t *out, int32_t *error)
{
    *error = 0;
    for (size_t first = 0; first < pieces->count;) {
        /* Neighbours are read together. */
        size_t end = first + 1, size = pieces->sizes[first];
        while (end < pieces->count && pieces->files[end] == pieces->files[first] && size < RUN_BYTES_MAX &&
               pieces->offsets[end] == pieces->offsets[first] + size)
            size += pieces->sizes[end++];
        ssize_t got = read_whole(pieces->files[first], out, size, pieces->offsets[first]);
        if (got < 0) {
            *error = errno;
            return first;
        }
        size_t left = (size_t)got;
        for (; first < end; first++) {
            size_t own = pieces->sizes[first];
            if (left < own || xxh3_64(out, own) != pieces->checksums[first])
                return first;
            out += own;
            left -= own;
        }
    }
    return pieces->count;
}

/* A search: for the entries of numbers, among those from ``start`` to ``end``, with rows from ``first_row`` to
   ``end_row``. These are the whole account's if they are ``start`` and ``end`` too. */
struct search {
    uint64_t start, end;
    const uint32_t *numbers;
    size_t count;
    uint32_t first_row, end_row;
};

/* Writes the begin of each number's entries, then the end of each. ``content`` has room for a piece.
   Returns true; or false with the piece that is damaged (``error`` is 0) or can't be read. */
EXPORTED bool eventkeep_find_entries(const struct order *order, const struct search *search, uint8_t *content,
                                     uint64_t *found, uint64_t *bad, int32_t *error)
{
    struct order_piece piece = {order, UINT64_MAX, content, 0, false};
    for (size_t at = 0; at < search->count && !piece.is_bad; at++) {
        uint64_t begin = find_number(&piece, search->start, search->end, search->numbers[at], false);
        uint64_t end = find_number(&piece, begin, search->end, search->numbers[at], true);
        if (search->end_row < search->end)
            end = find_row(&piece, begin, end, search->end_row);
        if (search->first_row > search->start)
            begin = find_row(&piece, begin, end, search->first_row);
        found[at] = begin;
        found[search->count + at] = end;
    }
    *bad = piece.place;
    *error = piece.error;
    return !piece.is_bad;
}

/* Rows of a segment, ascending: groups of ``group_rows`` rows hold the columns one after the other, whose bytes a row
   are ``widths``. */
struct rows {
    uint64_t offset;
    const uint64_t *checksums;
    const int64_t *rows;
    const uint32_t *widths;
    size_t count;
    int32_t file;
    uint32_t group_rows, columns;
};

/* Copies the rows from ``first`` to ``end``, which are all of the group in memory. */
static void copy_rows(const struct rows *rows, const uint8_t *group, size_t first, size_t end, uint8_t *out)
{
    size_t size = rows->group_rows;
    bool is_run = true;
    for (size_t at = first + 1; at < end; at++)
        is_run &= rows->rows[at] == rows->rows[at - 1] + 1;
    for (uint32_t column = 0; column < rows->columns; column++) {
        size_t width = rows->widths[column];
        if (is_run) {
            memcpy(out + first * width, group + (size_t)rows->rows[first] % size * width, (end - first) * width);
        } else {
            for (size_t at = first; at < end; at++)
                memcpy(out + at * width, group + (size_t)rows->rows[at] % size * width, width);
        }
        out += rows->count * width;
        group += size * width;
    }
}

/* Writes the columns of rows one after the other; ``group`` has room for a group. Returns true; or false with the group
   that is damaged (``error`` is 0) or can't be read. */
EXPORTED bool eventkeep_read_rows(const struct rows *rows, uint8_t *group, uint8_t *out, uint64_t *bad, int32_t *error)
{
    size_t bytes = 0;
    for (uint32_t column = 0; column < rows->columns; column++)
        bytes += (size_t)rows->widths[column] * rows->group_rows;
    for (size_t first = 0, end; first < rows->count; first = end) {
        uint64_t place = (uint64_t)rows->rows[first] / rows->group_rows;
        for (end = first + 1; end < rows->count && (uint64_t)rows->rows[end] / rows->group_rows == place;)
            end++;
        ssize_t got = read_whole(rows->file, group, bytes, rows->offset + place * bytes);
        *error = got < 0 ? errno : 0;
        *bad = place;
        if (got != (ssize_t)bytes || xxh3_64(group, bytes) != rows->checksums[place])
            return false;
        copy_rows(rows, group, first, end, out);
    }
    return true;
}

/* The checksums of ``count`` pieces that lie one after the other. */
EXPORTED void eventkeep_checksums(const uint8_t *content, const uint32_t *sizes, size_t count, uint64_t *checksums)
{
    for (size_t at = 0; at < count; at++) {
        checksums[at] = xxh3_64(content, sizes[at]);
        content += sizes[at];
    }
}

/* Documents in memory: two texts each, by their addresses. */
struct documents {
    const uint8_t *const *unique_ids;
    const uint32_t *unique_id_sizes;
    const uint8_t *const *properties;
    const uint32_t *property_sizes;
    size_t count;
};

static uint8_t *copied(uint8_t *out, const void *from, size_t size)
{
    if (size)
        memcpy(out, from, size);
    return out + size;
}

/* Writes blocks one after the other; block ``b`` holds the documents from ``starts[b]`` to ``starts[b + 1]``. */
EXPORTED void eventkeep_pack(const struct documents *documents, const uint32_t *starts, size_t blocks, uint8_t *out)
{
    for (size_t block = 0; block < blocks; block++) {
        uint32_t first = starts[block], end = starts[block + 1], count = end - first;
        out = copied(out, &count, SIZE_BYTES);
        out = copied(out, documents->unique_id_sizes + first, count * SIZE_BYTES);
        out = copied(out, documents->property_sizes + first, count * SIZE_BYTES);
        for (uint32_t at = first; at < end; at++)
            out = copied(out, documents->unique_ids[at], documents->unique_id_sizes[at]);
        for (uint32_t at = first; at < end; at++)
            out = copied(out, documents->properties[at], documents->property_sizes[at]);
    }
}

/* The sum, modulo 2^64, of the hashes of each document together with its event's id. */
EXPORTED uint64_t eventkeep_documents_sum(const struct documents *documents, const uint64_t *ids)
{
    uint64_t sum = 0;
    for (size_t at = 0; at < documents->count; at++) {
        uint64_t hash = xxh3_64(documents->unique_ids[at], documents->unique_id_sizes[at]) * PRIME64_1;
        hash += xxh3_64(documents->properties[at], documents->property_sizes[at]);
        sum += strong_avalanche(hash ^ ids[at]);
    }
    return sum;
}

/* Which documents to cut out of which decompressed blocks. */
struct cut {
    const uint8_t *const *blocks;
    const uint64_t *block_sizes;
    const uint32_t *block_of;
    const uint8_t *number_of;
    size_t count;
};

/* The texts of a document, and their sizes. */
struct found {
    const uint8_t *unique_id, *properties;
    uint32_t unique_id_size, property_size;
};

static bool find_document(const uint8_t *block, uint64_t size, uint32_t number, struct found *found)
{
    uint32_t count;
    if (size < SIZE_BYTES)
        return false;
    memcpy(&count, block, SIZE_BYTES);
    uint64_t at = SIZE_BYTES + (uint64_t)count * 2 * SIZE_BYTES, all_unique_ids = 0, before = 0, others_before = 0;
    *found = (struct found){0};
    if (number >= count || at > size)
        return false;
    const uint8_t *sizes = block + SIZE_BYTES, *other_sizes = sizes + (size_t)count * SIZE_BYTES;
    for (uint32_t other = 0; other < count; other++) {
        uint32_t own, others;
        memcpy(&own, sizes + (size_t)other * SIZE_BYTES, SIZE_BYTES);
        memcpy(&others, other_sizes + (size_t)other * SIZE_BYTES, SIZE_BYTES);
        all_unique_ids += own;
        if (other < number) {
            before += own;
            others_before += others;
        } else if (other == number) {
            found->unique_id_size = own;
            found->property_size = others;
        }
    }
    if (at + all_unique_ids + others_before + found->property_size > size)
        return false;
    found->unique_id = block + at + before;
    found->properties = block + at + all_unique_ids + others_before;
    return true;
}

/* Writes the sizes of the documents' texts. Returns ``count``, or the place of the first that its block does not hold. */
EXPORTED size_t eventkeep_measure(const struct cut *cut, uint32_t *unique_id_sizes, uint32_t *property_sizes)
{
    for (size_t at = 0; at < cut->count; at++) {
        struct found found;
        uint32_t block = cut->block_of[at];
        if (!find_document(cut->blocks[block], cut->block_sizes[block], cut->number_of[at], &found))
            return at;
        unique_id_sizes[at] = found.unique_id_size;
        property_sizes[at] = found.property_size;
    }
    return cut->count;
}

/* Writes the texts of documents that were measured end to end. */
EXPORTED void eventkeep_cut(const struct cut *cut, uint8_t *unique_ids, uint8_t *properties)
{
    for (size_t at = 0; at < cut->count; at++) {
        struct found found;
        uint32_t block = cut->block_of[at];
        if (!find_document(cut->blocks[block], cut->block_sizes[block], cut->number_of[at], &found))
            return;
        unique_ids = copied(unique_ids, found.unique_id, found.unique_id_size);
        properties = copied(properties, found.properties, found.property_size);
    }
}
