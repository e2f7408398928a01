/* JSON, one token at a time, without copying: what is not plain is refused, and somebody else looks closer.

   The text is UTF-8, which the caller has made sure of, and a NUL follows its last byte.
   No token begins with NUL, so looking at the next byte needs no other look at the end. */

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

/* Digits from which on an integer may be past 64 bits. */
enum { LONG_RUN = 19 };

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

/* Steps over this byte and the blanks behind it; false where another one stands here. */
static inline bool take(struct cursor *c, uint8_t byte)
{
    if (*c->at != byte) {
        return false;
    }
    c->at++;
    skip_blanks(c);
    return true;
}

/* Steps over the comma that tells of a further member or element. */
static inline bool goes_on(struct cursor *c)
{
    skip_blanks(c);
    return take(c, ',');
}

/* The first quote, backslash or control character; the NUL at the end is one. */
static inline const uint8_t *plain_end(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        /* The high bit of each byte that is found. A byte above one that is found may be marked wrongly. */
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

/* The number of four hexadecimal digits; -1 where they are none. */
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

/* What follows the escape at ``at``; NULL for one that is none, for NUL, and for half a surrogate pair.
   Where ``is_counted``, quotes and colons in hexadecimal are refused: they mislead whoever counts keys. */
static const uint8_t *after_escape(const uint8_t *at, bool is_counted)
{
    if (at[1] != 'u') {
        return at[1] != 0 && strchr("\"\\/bfnrt", at[1]) != NULL ? at + 2 : NULL;
    }
    int code = hexadecimal(at + 2);
    if (code <= 0 || (is_counted && (code == '"' || code == ':'))) {
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

/* Steps over the string that begins here; false where there is none, or one that is refused. */
static inline bool skip_string(struct cursor *c, bool is_counted)
{
    if (*c->at != '"') {
        return false;
    }
    const uint8_t *at = plain_end(c->at + 1, c->end);
    while (*at == '\\') {
        at = after_escape(at, is_counted);
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

/* Steps over a number. False where there is none, and for what may not fit: integers of
   LONG_RUN digits and more, exponents of three and more. */
static inline bool skip_number(struct cursor *c)
{
    const uint8_t *at = c->at + (*c->at == '-'), *start = at;
    while (is_digit(*at)) {
        at++;
    }
    if (at == start || (*start == '0' && at - start > 1) || at - start >= LONG_RUN) {
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

/* Steps over an object by its brackets alone: whoever decodes it looks at the rest. */
static bool skip_object(struct cursor *c, struct text *object)
{
    const uint8_t *start = c->at;
    unsigned depth = 0, digits = 0;
    if (*start != '{') {
        return false;
    }
    do {
        uint8_t byte = *c->at;
        digits = is_digit(byte) ? digits + 1 : 0;
        if (digits >= LONG_RUN) {
            return false;
        }
        if (byte == '"') {
            if (!skip_string(c, true)) {
                return false;
            }
            continue;
        }
        if (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r') {
            return false;
        }
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        c->at++;
    } while (depth > 0);
    *object = (struct text){start, (size_t)(c->at - start)};
    skip_blanks(c);
    return true;
}

#endif
