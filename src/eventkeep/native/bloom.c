/* The blocks of the filter of known keys: keys are added, and asked for. See eventkeep.events.bloom. */

#include <stddef.h>
#include <stdint.h>

#define EXPORTED __attribute__((visibility("default")))

/* A block is brought into the cache while those of so many keys before it are looked at. */
enum { BLOCK_WORDS = 4, AHEAD = 16 };

static inline size_t first_word(uint64_t blocks, uint64_t key)
{
    return (size_t)(((unsigned __int128)key * blocks) >> 64) * BLOCK_WORDS;
}

/* Three bits of each word: the lower half of the key is mixed anew, for its upper half chose the block. */
static inline uint64_t word_mask(uint64_t mixed, unsigned word)
{
    uint64_t bits = word & 1 ? mixed >> 32 : mixed;
    bits >>= word & 2 ? 14 : 0;
    return 1ULL << (bits & 63) | 1ULL << (bits >> 6 & 63) | 1ULL << (bits >> 12 & 63);
}

static inline uint64_t mixed_again(uint64_t key)
{
    key *= UINT64_C(0x9E3779B97F4A7C15);
    return key ^ (key >> 32);
}

EXPORTED void eventkeep_bloom_add(uint64_t *words, uint64_t blocks, const uint64_t *keys, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (count - at > AHEAD)
            __builtin_prefetch(words + first_word(blocks, keys[at + AHEAD]), 1);
        uint64_t *block = words + first_word(blocks, keys[at]), mixed = mixed_again(keys[at]);
        for (unsigned word = 0; word < BLOCK_WORDS; word++)
            block[word] |= word_mask(mixed, word);
    }
}

/* Sets ``found`` to 1 for each key that was perhaps added, and leaves it for the others. */
EXPORTED void eventkeep_bloom_find(
    const uint64_t *words, uint64_t blocks, const uint64_t *keys, size_t count, uint8_t *found)
{
    for (size_t at = 0; at < count; at++) {
        if (count - at > AHEAD)
            __builtin_prefetch(words + first_word(blocks, keys[at + AHEAD]), 0);
        const uint64_t *block = words + first_word(blocks, keys[at]);
        uint64_t mixed = mixed_again(keys[at]);
        unsigned word = 0;
        while (word < BLOCK_WORDS && !(word_mask(mixed, word) & ~block[word]))
            word++;
        if (word == BLOCK_WORDS)
            found[at] = 1;
    }
}
