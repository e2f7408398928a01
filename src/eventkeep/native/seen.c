/* The places of the seen filter: keys are added, and asked for. What a key sets where is told in eventkeep.eventlog.seen. */

#include <stddef.h>
#include <stdint.h>

#define EXPORTED __attribute__((visibility("default")))

/* A place is brought into the cache while those of so many keys before it are looked at. */
enum { PLACE_WORDS = 4, AHEAD = 16 };

/* The words are those of two to the power ``power`` places, which is from 1 to 63. */
struct layer {
    uint64_t (*places)[PLACE_WORDS];
    uint32_t power;
    /* An odd number for each word. */
    const uint64_t *mix;
};

static inline uint64_t *place_of(const struct layer *layer, uint64_t key)
{
    return layer->places[key >> (64 - layer->power)];
}

static inline uint64_t mask_of(const struct layer *layer, uint64_t key, unsigned word)
{
    uint64_t bits = word ? (key * layer->mix[word]) >> 40 : key;
    return 1ULL << (bits & 63) | 1ULL << (bits >> 6 & 63) | 1ULL << (bits >> 12 & 63) | 1ULL << (bits >> 18 & 63);
}

EXPORTED void eventkeep_seen_add(const struct layer *layer, const uint64_t *keys, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (count - at > AHEAD)
            __builtin_prefetch(place_of(layer, keys[at + AHEAD]), 1);
        uint64_t *place = place_of(layer, keys[at]);
        for (unsigned word = 0; word < PLACE_WORDS; word++)
            place[word] |= mask_of(layer, keys[at], word);
    }
}

/* Sets ``found`` to 1 for each key that was perhaps added, and leaves it for the others. */
EXPORTED void eventkeep_seen_find(const struct layer *layer, const uint64_t *keys, size_t count, uint8_t *found)
{
    for (size_t at = 0; at < count; at++) {
        if (count - at > AHEAD)
            __builtin_prefetch(place_of(layer, keys[at + AHEAD]), 0);
        const uint64_t *place = place_of(layer, keys[at]);
        unsigned word = 0;
        while (word < PLACE_WORDS && !(mask_of(layer, keys[at], word) & ~place[word]))
            word++;
        if (word == PLACE_WORDS)
            found[at] = 1;
    }
}
