/* Numbers the files of random documents and finds their blocks; built with sanitizers, which end it at the first wrong
   access.

   block_tables SEED ROUNDS: everything has just the bytes that it takes. What is found has to be what comparing every
   document with every other one finds. In some rounds a slot is past the table of its file. */

#include "documents.c"

#include "rounds.h"

enum { FILES_MAX = 5, BLOCKS_MAX = 7, DOCUMENTS_MAX = 24, NUMBER_BITS_MAX = 8, EDGES = 4 };

static const uint32_t EDGE[EDGES] = {0, 1, INT32_MAX, UINT32_MAX};

/* Documents are often of the same file or block as the one before; others repeat earlier ones. */
static uint32_t random_near(const uint32_t *earlier, size_t count, uint32_t other)
{
    return count && chance(2) ? earlier[chance(4) ? count - 1 : chance(count)] : other;
}

/* Returns whether there are fewer files than documents, and more than one. */
static bool number_random_files(void)
{
    size_t count = chance(DOCUMENTS_MAX), met = 0;
    uint32_t *parts = malloc(count * sizeof *parts), *places = malloc(count * sizeof *places);
    uint32_t *file_of = malloc(count * sizeof *file_of);
    for (size_t at = 0; at < count; at++) {
        parts[at] = random_near(parts, at, EDGE[chance(EDGES)]);
        places[at] = random_near(places, at, EDGE[chance(EDGES)]);
    }
    uint32_t first[DOCUMENTS_MAX], numbers[DOCUMENTS_MAX];
    for (size_t at = 0; at < count; at++) {
        size_t same = 0;
        while (parts[same] != parts[at] || places[same] != places[at])
            same++;
        first[met] = (uint32_t)same;
        numbers[at] = same == at ? (uint32_t)met++ : numbers[same];
    }
    uint64_t *files = malloc(met * sizeof *files);
    must(eventkeep_number_files(parts, places, count, file_of, files) == met);
    for (size_t at = 0; at < count; at++)
        must(file_of[at] == numbers[at]);
    for (size_t file = 0; file < met; file++)
        must(files[file] >> 32 == parts[first[file]] && (uint32_t)files[file] == places[first[file]]);
    free(parts), free(places), free(file_of), free(files);
    return met > 1 && met < count;
}

/* The block tables of files, some of which have none. */
static struct tables random_tables(size_t files)
{
    struct entry **entries = malloc(files * sizeof *entries);
    uint64_t *counts = malloc(files * sizeof *counts);
    for (size_t file = 0; file < files; file++) {
        counts[file] = chance(BLOCKS_MAX);
        entries[file] = malloc(counts[file] * sizeof **entries);
        fill((uint8_t *)entries[file], counts[file] * sizeof **entries);
    }
    return (struct tables){(const struct entry *const *)entries, counts};
}

static void free_tables(struct tables tables, size_t files)
{
    for (size_t file = 0; file < files; file++)
        free((void *)tables.entries[file]);
    free((void *)tables.entries), free((void *)tables.counts);
}

/* A slot in the table of ``blocks``, which has some; now and then one past it. */
static uint32_t random_slot(uint64_t blocks, uint32_t bits)
{
    uint64_t block = chance(blocks), past = chance(2) ? blocks : blocks + chance((UINT32_MAX >> bits) - blocks + 1);
    return (uint32_t)((chance(100) ? block : past) << bits | chance(1u << bits));
}

/* The blocks that come before that of the document at ``own``, in the order of their files and places. */
static size_t blocks_before(const uint64_t *words, size_t count, size_t own)
{
    size_t before = 0;
    for (size_t at = 0; at < count; at++) {
        bool is_first = true;
        for (size_t earlier = 0; earlier < at; earlier++)
            is_first &= words[earlier] != words[at];
        before += is_first && words[at] < words[own];
    }
    return before;
}

static void check_block(const struct blocks *blocks, size_t block, uint64_t file, const struct entry *entry)
{
    must((uint64_t)blocks->files[block] == file);
    must(blocks->offsets[block] == entry->offset && blocks->checksums[block] == entry->checksum);
    must(blocks->sizes[block] == entry->size && blocks->raw_sizes[block] == entry->raw_size);
}

/* Returns whether no slot was past its table. */
static bool locate_random_documents(void)
{
    size_t files = chance(FILES_MAX) + 1, count = chance(DOCUMENTS_MAX), distinct = 0, blocks_max = 0;
    uint32_t bits = (uint32_t)chance(NUMBER_BITS_MAX + 1);
    struct tables tables = random_tables(files);
    for (size_t file = 0; file < files; file++)
        blocks_max += tables.counts[file];
    count = blocks_max ? count : 0;
    uint32_t *file_of = malloc(count * sizeof *file_of), *slots = malloc(count * sizeof *slots);
    uint64_t wanted[DOCUMENTS_MAX];
    int64_t expected = 0;
    for (size_t at = 0; at < count; at++) {
        do
            file_of[at] = random_near(file_of, at, (uint32_t)chance(files));
        while (tables.counts[file_of[at]] == 0);
        uint32_t file = file_of[at], other = random_slot(tables.counts[file], bits);
        bool is_repeated = at > 0 && file == file_of[at - 1] && chance(2);
        slots[at] = is_repeated ? slots[at - 1] ^ (uint32_t)chance(1u << bits) : other;
        wanted[at] = (uint64_t)file << 32 | slots[at] >> bits;
        if (slots[at] >> bits >= tables.counts[file] && expected == 0)
            expected = -1 - (int64_t)file;
    }
    for (size_t at = 0; at < count; at++) {
        size_t before = blocks_before(wanted, count, at);
        distinct = before >= distinct ? before + 1 : distinct;
    }
    expected = expected ? expected : (int64_t)distinct;
    uint64_t *words = malloc(count * sizeof *words);
    uint32_t *block_of = malloc(count * sizeof *block_of);
    uint8_t *number_of = malloc(count);
    struct blocks blocks = {malloc(distinct * sizeof(int32_t)), malloc(distinct * sizeof(uint64_t)),
                            malloc(distinct * sizeof(uint64_t)), malloc(distinct * sizeof(uint64_t)),
                            malloc(distinct * sizeof(uint32_t))};
    must(eventkeep_locate(&tables, file_of, slots, count, bits, words, &blocks, block_of, number_of) == expected);
    for (size_t at = 0; expected >= 0 && at < count; at++) {
        must(block_of[at] == blocks_before(wanted, count, at) && number_of[at] == slots[at] % (1u << bits));
        check_block(&blocks, block_of[at], file_of[at], &tables.entries[file_of[at]][slots[at] >> bits]);
    }
    free_tables(tables, files);
    free(file_of), free(slots), free(words), free(block_of), free(number_of);
    free(blocks.files), free(blocks.offsets), free(blocks.checksums), free(blocks.raw_sizes), free(blocks.sizes);
    return expected >= 0;
}

static bool do_one(void)
{
    return chance(4) ? locate_random_documents() : number_random_files();
}

int main(int count, char **arguments)
{
    return count_rounds(count, arguments, do_one);
}
