/* Events as text: how their names and times are written, and texts one after the other into bounded memory. */

#ifndef EVENTKEEP_EVENT_TEXTS_H
#define EVENTKEEP_EVENT_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PUBLIC_ID_BYTES = 17, DATETIME_BYTES = 25, UUID_BYTES = 36 };

struct text {
    const uint8_t *start;
    size_t size;
};

struct output {
    uint8_t *at, *end;
};

static inline bool put(struct output *out, const uint8_t *start, size_t size)
{
    if ((size_t)(out->end - out->at) < size) {
        return false;
    }
    memcpy(out->at, start, size);
    out->at += size;
    return true;
}

static inline bool put_text(struct output *out, struct text text)
{
    return put(out, text.start, text.size);
}

static inline bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

/* Writes a byte of a string that JSON does not have as it is. */
static inline bool put_escaped(struct output *out, uint8_t byte)
{
    static const char shorts[] = "btn\0fr", hex[] = "0123456789abcdef";
    if (byte == '"' || byte == '\\') {
        return put(out, (const uint8_t[]){'\\', byte}, 2);
    }
    if (byte >= 8 && byte <= 13 && shorts[byte - 8] != 0) {
        return put(out, (const uint8_t[]){'\\', (uint8_t)shorts[byte - 8]}, 2);
    }
    const uint8_t digits[] = {(uint8_t)hex[byte >> 4], (uint8_t)hex[byte & 15]};
    return put(out, (const uint8_t *)"\\u00", 4) && put(out, digits, 2);
}

/* Writes a text as a JSON string with its quotes. */
static inline bool put_string(struct output *out, struct text text)
{
    const uint8_t *at = text.start, *end = text.start + text.size;
    if (!put(out, (const uint8_t *)"\"", 1)) {
        return false;
    }
    while (at < end) {
        const uint8_t *start = at;
        while (at < end && is_plain(*at)) {
            at++;
        }
        if (!put(out, start, (size_t)(at - start)) || (at < end && !put_escaped(out, *at++))) {
            return false;
        }
    }
    return put(out, (const uint8_t *)"\"", 1);
}

/* The end of the string that begins here, behind its quote; NULL if it has none. */
static inline const uint8_t *string_end(const uint8_t *start)
{
    const uint8_t *at = start;
    for (;;) {
        const uint8_t *before;
        at = (const uint8_t *)strchr((const char *)at + 1, '"');
        if (at == NULL) {
            return NULL;
        }
        before = at - 1;
        while (*before == '\\') {
            before--;
        }
        /* A quote behind an odd number of backslashes is escaped. */
        if ((at - before) % 2 == 1) {
            return at + 1;
        }
    }
}

/* Takes the next element of a list; of a string only the text between its quotes if ``is_inside``. */
static inline bool next_element(const uint8_t **list, bool is_inside, struct text *text)
{
    const uint8_t *at = *list, *start;
    if (*at != '[' && *at != ',') {
        return false;
    }
    start = ++at;
    if (*at == '"') {
        at = string_end(at);
        if (at == NULL) {
            return false;
        }
    } else if (is_inside) {
        return false;
    }
    while (*at != ',' && *at != ']') {
        if (*at == 0) {
            return false;
        }
        at++;
    }
    *list = at;
    *text = (struct text){start + is_inside, (size_t)(at - start) - 2 * is_inside};
    return true;
}

/* Writes a number into so many places, in a base of at most 62. */
static inline void write_digits(uint8_t *out, int places, uint64_t number, unsigned base)
{
    static const char upper[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const char lower[] = "0123456789abcdef";
    const char *digits = base == 16 ? lower : upper;
    while (places-- > 0) {
        out[places] = (uint8_t)digits[number % base];
        number /= base;
    }
}

/* time * 2^64 + id in base 62. */
static inline void write_public_id(uint8_t *out, uint32_t time, uint64_t id)
{
    enum { DIGITS = 5, DIVISOR = 62 * 62 * 62 * 62 * 62 };
    uint32_t words[] = {time, (uint32_t)(id >> 32), (uint32_t)id};
    int left = PUBLIC_ID_BYTES;
    while (left > DIGITS) {
        uint64_t rest = 0;
        for (size_t place = 0; place < 3; place++) {
            uint64_t part = rest << 32 | words[place];
            words[place] = (uint32_t)(part / DIVISOR);
            rest = part % DIVISOR;
        }
        left -= DIGITS;
        write_digits(out + left, DIGITS, (uint32_t)rest, 62);
    }
    /* 2^96 takes no more than one word behind 15 digits. */
    write_digits(out, left, words[2], 62);
}

/* As 2024-06-15T12:00:00+00:00. Years begin in March here, so that the leap day is their last one. */
static inline void write_datetime(uint8_t *text, uint32_t time)
{
    enum { DAY = 86400, DAYS_OF_4_YEARS = 1461, DAYS_OF_400_YEARS = 146097, DAYS_TO_1970 = 719468 };
    memcpy(text, "0000-00-00T00:00:00+00:00", DATETIME_BYTES);
    uint32_t days = time / DAY + DAYS_TO_1970, seconds = time % DAY;
    uint32_t era = days / DAYS_OF_400_YEARS, day = days % DAYS_OF_400_YEARS;
    uint32_t year = (day - day / (DAYS_OF_4_YEARS - 1) + day / 36524 - day / (DAYS_OF_400_YEARS - 1)) / 365;
    day -= 365 * year + year / 4 - year / 100;
    uint32_t month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    month = month < 10 ? month + 3 : month - 9;
    write_digits(text, 4, 400 * era + year + (month <= 2), 10);
    write_digits(text + 5, 2, month, 10);
    write_digits(text + 8, 2, day + 1, 10);
    write_digits(text + 11, 2, seconds / 3600, 10);
    write_digits(text + 14, 2, seconds / 60 % 60, 10);
    write_digits(text + 17, 2, seconds % 60, 10);
}

/* A version 1 UUID: its time in ticks of 100 ns since 1582-10-15, the clock sequence 1, the upper 48 bits of the id. */
static inline void write_uuid(uint8_t *text, uint32_t time, uint64_t id)
{
    memcpy(text, "00000000-0000-1000-8001-000000000000", UUID_BYTES);
    uint64_t ticks = UINT64_C(10000000) * time + UINT64_C(0x01B21DD213814000);
    write_digits(text, 8, ticks & 0xFFFFFFFF, 16);
    write_digits(text + 9, 4, ticks >> 32 & 0xFFFF, 16);
    write_digits(text + 15, 3, ticks >> 48, 16);
    write_digits(text + 24, 12, id >> 16, 16);
}

#endif
