/* Adds random keys to seen filters of each size, in memory that ends where the places end. Arguments: seed, rounds. */

#include "rounds.h"
#include "seen.c"

enum { POWER_MAX = 10, KEYS_MAX = 100 };

static const uint64_t mix[PLACE_WORDS] = {1, 3, UINT64_C(0x9E3779B97F4A7C15), UINT64_MAX};

/* Whether all keys that were added are found. */
static bool finds_what_was_added(void)
{
    uint32_t power = 1 + (uint32_t)chance(POWER_MAX);
    size_t count = chance(KEYS_MAX);
    struct layer layer = {calloc((size_t)1 << power, sizeof *layer.places), power, mix};
    uint64_t *keys = malloc(count * sizeof *keys);
    uint8_t *found = calloc(count, 1);
    for (size_t at = 0; at < count; at++) {
        /* The first and the last place too. */
        keys[at] = chance(8) ? chance(UINT64_MAX) : 0 - chance(2);
    }
    eventkeep_seen_add(&layer, keys, count);
    eventkeep_seen_find(&layer, keys, count, found);
    bool all = true;
    for (size_t at = 0; at < count; at++) {
        all &= found[at];
    }
    free(layer.places), free(keys), free(found);
    return all;
}

int main(int count, char **arguments)
{
    return count_rounds(count, arguments, finds_what_was_added);
}
