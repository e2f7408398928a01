/* Numbers by chance, the same ones for the same seed: xorshift. */

#ifndef EVENTKEEP_CHANCE_H
#define EVENTKEEP_CHANCE_H

#include <stdint.h>

/* Anything but 0. */
static uint64_t state;

/* One that is less than ``below``. */
static uint64_t chance(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

#endif
