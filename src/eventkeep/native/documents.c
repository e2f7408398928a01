/* The places of documents: in which files they are, and in which blocks of these. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

/* An entry of a block table. The layout is told in docs/segment-format.md. */
struct entry {
    uint64_t offset, checksum;
    uint32_t size, raw_size;
};

/* The block tables of files. */
struct tables {
    const struct entry *const *entries;
    const uint64_t *counts;
};

/* The blocks that are needed, in the order of their files and places. */
struct blocks {
    int32_t *files;
    uint64_t *offsets, *checksums, *raw_sizes;
    uint32_t *sizes;
};

/* Numbers the documents' files, which are given by part and place in it, in the order in which they are met: writes the
   number of each document's file, and the part and the place of each file as the halves of a word. Returns how many
   files there are. */
EXPORTED size_t eventkeep_number_files(const uint32_t *parts, const uint32_t *places, size_t count, uint32_t *file_of,
                                       uint64_t *files)
{
    size_t found = 0, at = 0;
    for (size_t document = 0; document < count; document++) {
        uint64_t wanted = (uint64_t)parts[document] << 32 | places[document];
        /* Neighbours are mostly of the same file, and there are few files. */
        if (found == 0 || files[at] != wanted)
            for (at = 0; at < found && files[at] != wanted;)
                at++;
        if (at == found)
            files[found++] = wanted;
        file_of[document] = (uint32_t)at;
    }
    return found;
}

static int compare_words(const void *one, const void *other)
{
    uint64_t first = *(const uint64_t *)one, second = *(const uint64_t *)other;
    return first < second ? -1 : first > second;
}

/* Finds the blocks of documents by the numbers of their files and their slots, whose lower ``number_bits`` are the
   document's number in its block. ``words`` has room for a word for each document. Returns how many blocks there are;
   -1 - file if the table of that file has fewer blocks than a slot says, of the first such document. */
EXPORTED int64_t eventkeep_locate(const struct tables *tables, const uint32_t *file_of, const uint32_t *slots,
                                  size_t count, uint32_t number_bits, uint64_t *words, const struct blocks *blocks,
                                  uint32_t *block_of, uint8_t *number_of)
{
    size_t runs = 0, found = 0;
    for (size_t at = 0; at < count; at++) {
        uint64_t word = (uint64_t)file_of[at] << 32 | slots[at] >> number_bits;
        if (slots[at] >> number_bits >= tables->counts[file_of[at]])
            return -1 - (int64_t)file_of[at];
        if (runs == 0 || words[runs - 1] != word)
            words[runs++] = word;
    }
    qsort(words, runs, sizeof *words, compare_words);
    for (size_t at = 0; at < runs; at++) {
        if (found > 0 && words[found - 1] == words[at])
            continue;
        uint32_t file = (uint32_t)(words[at] >> 32);
        const struct entry *entry = tables->entries[file] + (uint32_t)words[at];
        blocks->files[found] = (int32_t)file;
        blocks->offsets[found] = entry->offset;
        blocks->checksums[found] = entry->checksum;
        blocks->sizes[found] = entry->size;
        blocks->raw_sizes[found] = entry->raw_size;
        words[found++] = words[at];
    }
    size_t block = 0;
    for (size_t at = 0; at < count; at++) {
        uint64_t word = (uint64_t)file_of[at] << 32 | slots[at] >> number_bits;
        if (words[block] != word) {
            size_t low = 0, high = found;
            while (low < high) {
                size_t middle = (low + high) / 2;
                if (words[middle] < word)
                    low = middle + 1;
                else
                    high = middle;
            }
            block = low;
        }
        block_of[at] = (uint32_t)block;
        number_of[at] = (uint8_t)(slots[at] & ((1u << number_bits) - 1));
    }
    return (int64_t)found;
}
