/* The 64-bit XXH3 of texts of any size, with seed 0, as its specification has it: the checksum of the event store. */

#ifndef EVENTKEEP_XXH3_LONG_H
#define EVENTKEEP_XXH3_LONG_H

#include "xxh3.h"

#define PRIME32_3 UINT64_C(0xC2B2AE3D)
#define PRIME64_5 UINT64_C(0x27D4EB2F165667C5)

enum { LANES = 8, STRIPE_BYTES = 64, BLOCK_STRIPES = 16, BLOCK_BYTES = STRIPE_BYTES * BLOCK_STRIPES, SECRET_BYTES = 192 };

static inline uint64_t product_folded(uint64_t left, uint64_t right)
{
    struct wide whole = product(left, right);
    return whole.low ^ whole.high;
}

static inline uint64_t rotated(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline uint64_t short_xxh3_64(const uint8_t *text, size_t size)
{
    if (size == 0)
        return strong_avalanche(secret_pair(56, 64));
    if (size <= 3) {
        uint32_t word = (uint32_t)text[0] << 16 | (uint32_t)text[size >> 1] << 24 | text[size - 1] | (uint32_t)size << 8;
        return strong_avalanche(word ^ half_word_at(SECRET) ^ half_word_at(SECRET + 4));
    }
    if (size <= 8) {
        uint64_t word = (half_word_at(text + size - 4) + (half_word_at(text) << 32)) ^ secret_pair(8, 16);
        word ^= rotated(word, 49) ^ rotated(word, 24);
        word *= PRIME_MX2;
        word ^= (word >> 35) + size;
        word *= PRIME_MX2;
        return word ^ (word >> 28);
    }
    uint64_t low = word_at(text) ^ secret_pair(24, 32), high = word_at(text + size - 8) ^ secret_pair(40, 48);
    return avalanche(size + __builtin_bswap64(low) + high + product_folded(low, high));
}

static inline uint64_t middle_xxh3_64(const uint8_t *text, size_t size)
{
    uint64_t sum = size * PRIME64_1;
    const uint8_t *end = text + size;
    if (size <= 128) {
        for (int pair = (int)(size - 1) / 32; pair >= 0; pair--) {
            sum += folded(text + 16 * pair, SECRET + 32 * pair);
            sum += folded(end - 16 * (pair + 1), SECRET + 32 * pair + 16);
        }
        return avalanche(sum);
    }
    for (size_t place = 0; place < 128; place += 16)
        sum += folded(text + place, SECRET + place);
    sum = avalanche(sum);
    for (size_t place = 128; place + 16 <= size; place += 16)
        sum += folded(text + place, SECRET + 3 + place - 128);
    return avalanche(sum + folded(end - 16, SECRET + 136 - 17));
}

static inline void take_stripe(uint64_t *sums, const uint8_t *text, const uint8_t *secret)
{
    for (int lane = 0; lane < LANES; lane++) {
        uint64_t word = word_at(text + 8 * lane), key = word ^ word_at(secret + 8 * lane);
        sums[lane ^ 1] += word;
        sums[lane] += (key & UINT32_MAX) * (key >> 32);
    }
}

static uint64_t xxh3_64(const uint8_t *text, size_t size)
{
    if (size <= 16)
        return short_xxh3_64(text, size);
    if (size <= HASHED_BYTES_MAX)
        return middle_xxh3_64(text, size);
    uint64_t sums[LANES] = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1};
    const uint8_t *end = text + size, *last_key = SECRET + SECRET_BYTES - STRIPE_BYTES;
    /* The last stripe is taken apart, also if it ends a block. */
    for (size_t left = size - 1; left >= BLOCK_BYTES; left -= BLOCK_BYTES, text += BLOCK_BYTES) {
        for (int stripe = 0; stripe < BLOCK_STRIPES; stripe++)
            take_stripe(sums, text + STRIPE_BYTES * stripe, SECRET + 8 * stripe);
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] = (sums[lane] ^ (sums[lane] >> 47) ^ word_at(last_key + 8 * lane)) * PRIME32_1;
    }
    for (int stripe = 0; stripe < (end - text - 1) / STRIPE_BYTES; stripe++)
        take_stripe(sums, text + STRIPE_BYTES * stripe, SECRET + 8 * stripe);
    take_stripe(sums, end - STRIPE_BYTES, last_key - 7);
    uint64_t hash = size * PRIME64_1;
    for (int pair = 0; pair < LANES; pair += 2)
        hash += product_folded(sums[pair] ^ word_at(SECRET + 11 + 8 * pair), sums[pair + 1] ^ word_at(SECRET + 19 + 8 * pair));
    return avalanche(hash);
}

#endif
