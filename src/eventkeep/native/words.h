/* Words of eight bytes in a text, wherever they start. */

#ifndef EVENTKEEP_WORDS_H
#define EVENTKEEP_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are read as little-endian ones"
#endif

static inline uint64_t word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

#endif
