/* Adds random keys to filters and asks for them; built with sanitizers, which end it at the first wrong access.

   filters SEED ROUNDS: a filter has just its blocks, and every key that was added has to be found. */

#include "bloom.c"

#include "rounds.h"

enum { BLOCKS_MAX = 40, KEYS_MAX = 120 };

/* The outermost keys lead to the first and the last block. */
static uint64_t random_key(void)
{
    switch (chance(12)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    default:
        return chance(UINT64_MAX) << 1 | chance(2);
    }
}

static uint64_t *random_keys(size_t count)
{
    uint64_t *keys = malloc(count * sizeof *keys);
    for (size_t at = 0; at < count; at++)
        keys[at] = random_key();
    return keys;
}

/* Returns whether some of the keys that were not added were told from those that were. */
static bool add_and_find(void)
{
    uint64_t blocks = chance(BLOCKS_MAX) + 1, *words = calloc(blocks, BLOCK_WORDS * sizeof *words);
    size_t count = chance(KEYS_MAX), others = chance(KEYS_MAX), told = 0;
    uint64_t *keys = random_keys(count), *other_keys = random_keys(others);
    uint8_t *found = calloc(count, 1), *found_others = calloc(others, 1);
    eventkeep_bloom_add(words, blocks, keys, count);
    eventkeep_bloom_find(words, blocks, keys, count, found);
    eventkeep_bloom_find(words, blocks, other_keys, others, found_others);
    for (size_t at = 0; at < count; at++) {
        if (found[at] != 1)
            abort();
    }
    for (size_t at = 0; at < others; at++)
        told += !found_others[at];
    free(words), free(keys), free(other_keys), free(found), free(found_others);
    return told > 0;
}

int main(int count, char **arguments)
{
    return count_rounds(count, arguments, add_and_find);
}
