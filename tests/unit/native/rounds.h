/* A program that does the same again and again with other numbers by chance: PROGRAM SEED ROUNDS. */

#ifndef EVENTKEEP_ROUNDS_H
#define EVENTKEEP_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "chance.h"

/* What the program relies on, or the result that it checks. */
static inline void must(bool is_so)
{
    if (!is_so)
        abort();
}

static inline void fill(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at++)
        bytes[at] = (uint8_t)chance(256);
}

/* Tells in how many of the rounds ``once`` was true. */
static int count_rounds(int count, char **arguments, bool (*once)(void))
{
    uint64_t good = 0, rounds = count > 2 ? strtoull(arguments[2], NULL, 10) : 0;
    state = count > 1 ? strtoull(arguments[1], NULL, 10) | 1 : 1;
    for (uint64_t round = 0; round < rounds; round++) {
        good += once();
    }
    printf("%llu of %llu\n", (unsigned long long)good, (unsigned long long)rounds);
    return 0;
}

#endif
