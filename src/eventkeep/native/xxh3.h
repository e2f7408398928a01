/* The 128-bit XXH3 of short texts, with seed 0, by its specification. Unique ids are hashed by it. */

#ifndef EVENTKEEP_XXH3_H
#define EVENTKEEP_XXH3_H

#include "words.h"

/* XXH3 hashes longer texts by another method, which is not here. */
enum { HASHED_BYTES_MAX = 240 };

#define PRIME32_1 UINT64_C(0x9E3779B1)
#define PRIME32_2 UINT64_C(0x85EBCA77)
#define PRIME64_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME64_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME64_3 UINT64_C(0x165667B19E3779F9)
#define PRIME64_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME_MX1 UINT64_C(0x165667919E3779F9)
#define PRIME_MX2 UINT64_C(0x9FB21C651E98DF25)

static const uint8_t SECRET[192] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

struct wide {
    uint64_t low, high;
};

static inline uint64_t half_word_at(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Two words of the secret, combined. */
static inline uint64_t secret_pair(int place, int other)
{
    return word_at(SECRET + place) ^ word_at(SECRET + other);
}

static inline struct wide product(uint64_t left, uint64_t right)
{
    unsigned __int128 whole = (unsigned __int128)left * right;
    return (struct wide){(uint64_t)whole, (uint64_t)(whole >> 64)};
}

static inline uint64_t avalanche(uint64_t word)
{
    word = (word ^ (word >> 37)) * PRIME_MX1;
    return word ^ (word >> 32);
}

static inline uint64_t strong_avalanche(uint64_t word)
{
    word = (word ^ (word >> 33)) * PRIME64_2;
    word = (word ^ (word >> 29)) * PRIME64_3;
    return word ^ (word >> 32);
}

static inline struct wide hash_of_1_to_3(const uint8_t *text, size_t size)
{
    uint32_t low = (uint32_t)text[0] << 16 | (uint32_t)text[size >> 1] << 24 | text[size - 1] | (uint32_t)size << 8;
    uint32_t swapped = __builtin_bswap32(low), high = swapped << 13 | swapped >> 19;
    uint64_t low_key = half_word_at(SECRET) ^ half_word_at(SECRET + 4);
    uint64_t high_key = half_word_at(SECRET + 8) ^ half_word_at(SECRET + 12);
    return (struct wide){strong_avalanche(low ^ low_key), strong_avalanche(high ^ high_key)};
}

static inline struct wide hash_of_4_to_8(const uint8_t *text, size_t size)
{
    uint64_t word = half_word_at(text) | half_word_at(text + size - 4) << 32;
    struct wide hash = product(word ^ secret_pair(16, 24), PRIME64_1 + (size << 2));
    hash.high += hash.low << 1;
    hash.low ^= hash.high >> 3;
    hash.low = (hash.low ^ (hash.low >> 35)) * PRIME_MX2;
    return (struct wide){hash.low ^ (hash.low >> 28), avalanche(hash.high)};
}

static inline struct wide hash_of_9_to_16(const uint8_t *text, size_t size)
{
    uint64_t first = word_at(text), last = word_at(text + size - 8);
    struct wide hash = product(first ^ last ^ secret_pair(32, 40), PRIME64_1);
    hash.low += (uint64_t)(size - 1) << 54;
    last ^= secret_pair(48, 56);
    hash.high += last + (last & UINT32_MAX) * (PRIME32_2 - 1);
    hash.low ^= __builtin_bswap64(hash.high);
    struct wide mixed = product(hash.low, PRIME64_2);
    mixed.high += hash.high * PRIME64_2;
    return (struct wide){avalanche(mixed.low), avalanche(mixed.high)};
}

static inline uint64_t folded(const uint8_t *text, const uint8_t *secret)
{
    struct wide whole = product(word_at(text) ^ word_at(secret), word_at(text + 8) ^ word_at(secret + 8));
    return whole.low ^ whole.high;
}

static inline void mix(struct wide *sum, const uint8_t *one, const uint8_t *other, const uint8_t *secret)
{
    sum->low += folded(one, secret);
    sum->low ^= word_at(other) + word_at(other + 8);
    sum->high += folded(other, secret + 16);
    sum->high ^= word_at(one) + word_at(one + 8);
}

static inline struct wide hash_of_more(const uint8_t *text, size_t size)
{
    const uint8_t *end = text + size;
    struct wide sum = {size * PRIME64_1, 0};
    if (size <= 128) {
        for (int pair = (int)(size - 1) / 32; pair >= 0; pair--) {
            mix(&sum, text + 16 * pair, end - 16 * (pair + 1), SECRET + 32 * pair);
        }
    } else {
        for (int place = 0; place < 128; place += 32) {
            mix(&sum, text + place, text + place + 16, SECRET + place);
        }
        sum = (struct wide){avalanche(sum.low), avalanche(sum.high)};
        for (size_t place = 128; place + 32 <= size; place += 32) {
            mix(&sum, text + place, text + place + 16, SECRET + 3 + place - 128);
        }
        mix(&sum, end - 16, end - 32, SECRET + 136 - 17 - 16);
    }
    uint64_t low = sum.low + sum.high;
    uint64_t high = sum.low * PRIME64_1 + sum.high * PRIME64_4 + size * PRIME64_2;
    return (struct wide){avalanche(low), UINT64_C(0) - avalanche(high)};
}

/* The hash of 1 to HASHED_BYTES_MAX bytes. */
static inline struct wide hash_of(const uint8_t *text, size_t size)
{
    return size <= 3    ? hash_of_1_to_3(text, size)
           : size <= 8  ? hash_of_4_to_8(text, size)
           : size <= 16 ? hash_of_9_to_16(text, size)
                        : hash_of_more(text, size);
}

#endif
