/* Looks random keys up and sorts random words; built with sanitizers, which end it at the first wrong access.

   key_tables SEED ROUNDS: what is found has to be what comparing every key with every other one finds. */

#include "keys.c"

#include "rounds.h"

enum { KEYS_MAX = 60, VALUES = 5 };

/* Most halves are few values, so that many keys are equal or share one half; the others lead to any slot. */
static uint64_t random_half(void)
{
    return chance(4) ? chance(VALUES) : chance(UINT64_MAX) << 1 | chance(2);
}

static struct keys random_keys(void)
{
    size_t count = chance(KEYS_MAX);
    uint64_t *ids = malloc(count * sizeof *ids), *lows = malloc(count * sizeof *lows);
    for (size_t at = 0; at < count; at++)
        ids[at] = random_half(), lows[at] = random_half();
    return (struct keys){ids, lows, count};
}

static struct table free_table(size_t keys)
{
    uint32_t bits = 1;
    while ((size_t)1 << bits <= keys)
        bits++;
    return (struct table){random_half() | 1, calloc((size_t)1 << bits, sizeof(uint32_t)), bits};
}

static bool is_among(const struct keys *keys, size_t end, const struct keys *own, size_t place)
{
    for (size_t at = 0; at < end; at++) {
        if (are_equal(keys, at, own, place))
            return true;
    }
    return false;
}

static void free_keys(struct keys keys)
{
    free((void *)keys.ids), free((void *)keys.lows);
}

/* Returns whether some of the keys were found, and some were not. */
static bool look_up_and_sort(void)
{
    struct keys own = random_keys(), others = random_keys();
    struct table both = free_table(own.count + others.count), asked = free_table(own.count);
    uint8_t *first = malloc(own.count), *found = calloc(own.count, 1);
    size_t known = 0;
    eventkeep_first_keys(&own, &others, &both, first);
    eventkeep_find_keys(&others, &own, &asked, found);
    for (size_t at = 0; at < own.count; at++) {
        bool is_known = is_among(&others, others.count, &own, at);
        if (found[at] != is_known || first[at] != (!is_known && !is_among(&own, at, &own, at)))
            abort();
        known += is_known;
    }
    struct placed *room = malloc(2 * own.count * sizeof *room);
    int64_t *order = malloc(own.count * sizeof *order);
    eventkeep_sort_words(own.ids, own.count, room, order);
    for (size_t at = 1; at < own.count; at++) {
        uint64_t before = own.ids[order[at - 1]], word = own.ids[order[at]];
        if (before > word || (before == word && order[at - 1] >= order[at]))
            abort();
    }
    bool some = known > 0 && known < own.count;
    free(both.slots), free(asked.slots), free(first), free(found), free(room), free(order);
    free_keys(own), free_keys(others);
    return some;
}

int main(int count, char **arguments)
{
    return count_rounds(count, arguments, look_up_and_sort);
}
