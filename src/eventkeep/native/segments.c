/* Pieces of the event store's files are read and verified, and documents are put into blocks and cut out of them.
   The layout is told in docs/segment-format.md. */

#define _XOPEN_SOURCE 700

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "xxh3_long.h"

#define EXPORTED __attribute__((visibility("default")))

enum { SIZE_BYTES = 4, RUN_BYTES_MAX = 1 << 24 };

/* Pieces of files: of each the descriptor, where it starts, its size, and the checksum that it must have. */
struct pieces {
    const int32_t *files;
    const uint64_t *offsets;
    const uint32_t *sizes;
    const uint64_t *checksums;
    size_t count;
};

/* Reads up to ``size`` bytes; returns how many there were, or -1 with errno set. */
static ssize_t read_whole(int file, uint8_t *out, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file, out + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* Reads the pieces one after the other into ``out`` and verifies each. Returns the place of the first that could not
   be read (``error`` is then what the system said) or is damaged (``error`` is 0); ``count`` if all are good. */
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

/* The sum, modulo 2^64, of what each document and the event's id are hashed to together. */
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

/* Where the texts of a document are, and their sizes. */
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
