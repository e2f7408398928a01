/* JSON, one token at a time, without copying. Text that is not plain is refused: Python parses it in full.

   The text is UTF-8, which the caller has checked, and a NUL follows its last byte. No token
   starts with NUL, so the next byte can be read without a check for the end. */

#ifndef EVENTKEEP_JSON_H
#define EVENTKEEP_JSON_H

#include <stdbool.h>

#include "words.h"

struct cursor {
    const uint8_t *at, *end;
};

struct text {
    const uint8_t *start;
    size_t size;
};

/* An integer of so many digits fits into 64 bits if it has no sign. */
enum { INTEGER_DIGITS_MAX = 19 };

/* The most bytes that one character takes in UTF-8. */
enum { CHARACTER_BYTES_MAX = 4 };

#define IS(text, name) ((text).size == sizeof(name) - 1 && memcmp((text).start, name, sizeof(name) - 1) == 0)

#define EVERY_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline bool is_digit(uint8_t byte)
{
    return (uint8_t)(byte - '0') <= 9;
}

static inline void skip_blanks(struct cursor *c)
{
    while (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r') {
        c->at++;
    }
}

/* Steps over this byte and the blanks behind it. Returns false if another byte is here. */
static inline bool take(struct cursor *c, uint8_t byte)
{
    if (*c->at != byte) {
        return false;
    }
    c->at++;
    skip_blanks(c);
    return true;
}

/* Steps over the comma before a further member or element. */
static inline bool goes_on(struct cursor *c)
{
    skip_blanks(c);
    return take(c, ',');
}

/* The first quote, backslash or control character; the NUL at the end is one. */
static inline const uint8_t *plain_end(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        /* The high bit of each byte that is found. The byte above one that is found may be marked wrongly,
           which does no harm because only the lowest mark is used. */
        uint64_t word = word_at(at), quotes = word ^ EVERY_BYTE('"'), slashes = word ^ EVERY_BYTE('\\');
        uint64_t found = ((word - EVERY_BYTE(0x20)) & ~word) | ((quotes - EVERY_BYTE(1)) & ~quotes) |
                         ((slashes - EVERY_BYTE(1)) & ~slashes);
        found &= EVERY_BYTE(0x80);
        if (found != 0) {
            return at + (__builtin_ctzll(found) >> 3);
        }
        at += 8;
    }
    while (*at >= 0x20 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* The number that four hexadecimal digits write; -1 if they are none. */
static inline int hexadecimal(const uint8_t *at)
{
    int number = 0;
    for (int place = 0; place < 4; place++) {
        uint8_t byte = at[place], lower = byte | 0x20;
        if (is_digit(byte)) {
            number = number * 16 + (byte - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            number = number * 16 + (lower - 'a' + 10);
        } else {
            return -1;
        }
    }
    return number;
}

/* The end of the escape at ``at``. NULL for an invalid one, for NUL, and for half a surrogate pair. */
static const uint8_t *after_escape(const uint8_t *at)
{
    if (at[1] != 'u') {
        return at[1] != 0 && strchr("\"\\/bfnrt", at[1]) != NULL ? at + 2 : NULL;
    }
    int code = hexadecimal(at + 2);
    if (code <= 0) {
        return NULL;
    }
    if (code < 0xD800 || code > 0xDFFF) {
        return at + 6;
    }
    if (code > 0xDBFF || at[6] != '\\' || at[7] != 'u') {
        return NULL;
    }
    int low = hexadecimal(at + 8);
    return low >= 0xDC00 && low <= 0xDFFF ? at + 12 : NULL;
}

/* Writes the character of a valid escape in UTF-8. Returns its bytes, CHARACTER_BYTES_MAX at most. */
static inline size_t write_escaped(const uint8_t *at, uint8_t *out)
{
    if (at[1] != 'u') {
        static const char escapes[] = "bfnrt", characters[] = "\b\f\n\r\t";
        const char *named = strchr(escapes, at[1]);
        out[0] = named == NULL ? at[1] : (uint8_t)characters[named - escapes];
        return 1;
    }
    uint32_t code = (uint32_t)hexadecimal(at + 2);
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xC0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0xD800 || code > 0xDFFF) {
        out[0] = (uint8_t)(0xE0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code & 0x3F));
        return 3;
    }
    code = 0x10000 + ((code - 0xD800) << 10) + ((uint32_t)hexadecimal(at + 8) - 0xDC00);
    out[0] = (uint8_t)(0xF0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code & 0x3F));
    return 4;
}

/* Steps over the string that starts here. Returns false if there is none, or a refused one. */
static inline bool skip_string(struct cursor *c)
{
    if (*c->at != '"') {
        return false;
    }
    const uint8_t *at = plain_end(c->at + 1, c->end);
    while (*at == '\\') {
        at = after_escape(at);
        if (at == NULL) {
            return false;
        }
        at = plain_end(at, c->end);
    }
    if (*at != '"') {
        return false;
    }
    c->at = at + 1;
    return true;
}

/* A string without escapes, and the blanks behind it. */
static inline bool read_text(struct cursor *c, struct text *text)
{
    if (*c->at != '"') {
        return false;
    }
    const uint8_t *start = c->at + 1, *end = plain_end(start, c->end);
    if (*end != '"') {
        return false;
    }
    *text = (struct text){start, (size_t)(end - start)};
    c->at = end + 1;
    skip_blanks(c);
    return true;
}

/* A string, and the blanks behind it. One with escapes is written into ``decoded``, and refused if it does
   not fit into ``room`` bytes. */
static bool read_decoded(struct cursor *c, uint8_t *decoded, size_t room, struct text *text)
{
    if (read_text(c, text)) {
        return true;
    }
    const uint8_t *at = c->at + 1;
    size_t size = 0;
    if (*c->at != '"') {
        return false;
    }
    for (;;) {
        const uint8_t *stop = plain_end(at, c->end);
        size_t plain = (size_t)(stop - at);
        if (plain + CHARACTER_BYTES_MAX > room - size) {
            return false;
        }
        memcpy(decoded + size, at, plain);
        size += plain;
        if (*stop == '"') {
            *text = (struct text){decoded, size};
            c->at = stop + 1;
            skip_blanks(c);
            return true;
        }
        at = *stop == '\\' ? after_escape(stop) : NULL;
        if (at == NULL) {
            return false;
        }
        size += write_escaped(stop, decoded + size);
    }
}

/* A key without escapes, with its colon and all blanks. */
static inline bool read_key(struct cursor *c, struct text *key)
{
    return read_text(c, key) && take(c, ':');
}

/* Steps over a word such as ``null``. */
static inline bool take_word(struct cursor *c, const char *word, size_t size)
{
    if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0) {
        return false;
    }
    c->at += size;
    return true;
}

#define TAKE_WORD(cursor, word) take_word(cursor, word, sizeof(word) - 1)

/* Steps over a number. Returns false if there is none, and for one that may not fit: an integer of more than
   INTEGER_DIGITS_MAX digits or with a sign of so many, an exponent of three or more. */
static inline bool skip_number(struct cursor *c)
{
    bool is_negative = *c->at == '-';
    const uint8_t *at = c->at + is_negative, *start = at;
    while (is_digit(*at)) {
        at++;
    }
    if (at == start || (*start == '0' && at - start > 1) || at - start > INTEGER_DIGITS_MAX - is_negative) {
        return false;
    }
    if (*at == '.') {
        start = ++at;
        while (is_digit(*at)) {
            at++;
        }
        if (at == start) {
            return false;
        }
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        start = at;
        while (is_digit(*at)) {
            at++;
        }
        if (at == start || at - start > 2) {
            return false;
        }
    }
    c->at = at;
    return true;
}

#endif
