/* Keys of events in hash tables, and words in order. A key has two halves of 64 bits; its slot is chosen by the upper
   one and a multiplier that is another in each process, so that no client can choose keys that share slots. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS, WORD_DIGITS = 64 / DIGIT_BITS };

struct keys {
    const uint64_t *ids, *lows;
    size_t count;
};

/* Slots hold the places of keys plus 1, and 0 if they are free; there are 2^bits, more than keys. */
struct table {
    uint64_t multiplier;
    uint32_t *slots;
    uint32_t bits;
};

static inline size_t slot_of(const struct table *table, uint64_t id)
{
    return (size_t)(id * table->multiplier >> (64 - table->bits));
}

static inline size_t next_slot(const struct table *table, size_t slot)
{
    return (slot + 1) & (((size_t)1 << table->bits) - 1);
}

static inline bool are_equal(const struct keys *some, size_t place, const struct keys *others, size_t other)
{
    return some->ids[place] == others->ids[other] && some->lows[place] == others->lows[other];
}

/* Sets ``first`` to 1 for each key that is neither among ``earlier`` ones nor equal to one before it, else to 0. */
EXPORTED void eventkeep_first_keys(
    const struct keys *keys, const struct keys *earlier, const struct table *table, uint8_t *first)
{
    const struct keys *groups[] = {earlier, keys};
    for (size_t group = 0, before = 0; group < 2; before += groups[group++]->count) {
        for (size_t place = 0; place < groups[group]->count; place++) {
            size_t slot = slot_of(table, groups[group]->ids[place]);
            uint32_t taken;
            while ((taken = table->slots[slot])) {
                bool is_earlier = taken <= earlier->count;
                if (are_equal(groups[group], place, is_earlier ? earlier : keys,
                              is_earlier ? taken - 1 : taken - 1 - earlier->count))
                    break;
                slot = next_slot(table, slot);
            }
            if (!taken)
                table->slots[slot] = (uint32_t)(before + place + 1);
            if (group == 1)
                first[place] = !taken;
        }
    }
}

/* Sets ``found`` to 1 for each of the ``asked`` keys that is among the stored ones, and leaves it for the others. */
EXPORTED void eventkeep_find_keys(
    const struct keys *stored, const struct keys *asked, const struct table *table, uint8_t *found)
{
    for (size_t place = 0; place < asked->count; place++) {
        size_t slot = slot_of(table, asked->ids[place]);
        while (table->slots[slot])
            slot = next_slot(table, slot);
        table->slots[slot] = (uint32_t)(place + 1);
    }
    for (size_t place = 0; place < stored->count; place++) {
        size_t slot = slot_of(table, stored->ids[place]);
        for (uint32_t taken; (taken = table->slots[slot]); slot = next_slot(table, slot)) {
            if (are_equal(stored, place, asked, taken - 1))
                found[taken - 1] = 1;
        }
    }
}

/* A word, and its place among the words before they were sorted. */
struct placed {
    uint64_t word;
    uint32_t place;
};

/* Writes the places of the words in ascending order to ``order``; those of equal words ascend. ``room`` is for twice
   as many entries as there are words. */
EXPORTED void eventkeep_sort_words(const uint64_t *words, size_t count, struct placed *room, int64_t *order)
{
    struct placed *from = room, *to = room + count;
    size_t counts[WORD_DIGITS][DIGITS];
    memset(counts, 0, sizeof counts);
    for (size_t place = 0; place < count; place++) {
        from[place] = (struct placed){words[place], (uint32_t)place};
        for (unsigned digit = 0; digit < WORD_DIGITS; digit++)
            counts[digit][words[place] >> digit * DIGIT_BITS & (DIGITS - 1)]++;
    }
    for (unsigned digit = 0; digit < WORD_DIGITS; digit++) {
        size_t *starts = counts[digit], before = 0;
        /* Every word has the same digit here. */
        if (count && starts[words[0] >> digit * DIGIT_BITS & (DIGITS - 1)] == count)
            continue;
        for (size_t value = 0; value < DIGITS; value++) {
            size_t own = starts[value];
            starts[value] = before;
            before += own;
        }
        for (size_t at = 0; at < count; at++)
            to[starts[from[at].word >> digit * DIGIT_BITS & (DIGITS - 1)]++] = from[at];
        struct placed *swapped = from;
        from = to;
        to = swapped;
    }
    for (size_t at = 0; at < count; at++)
        order[at] = from[at].place;
}
