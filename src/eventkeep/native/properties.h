/* The limits of an event's properties, held in one pass over their bytes. */

#ifndef EVENTKEEP_PROPERTIES_H
#define EVENTKEEP_PROPERTIES_H

#include "json.h"

/* The most that the limits may ask for. */
enum { LEVELS_ROOM = 16, KEYS_ROOM = 512 };

struct property_limits {
    uint32_t properties, levels, elements, string_bytes;
};

/* An object or an array that is open. An object's keys are the last ones in ``properties.keys``. */
struct level {
    bool is_object;
    uint32_t elements, first_key;
    uint64_t key_bits;
};

struct properties {
    struct cursor *c;
    const struct property_limits *limits;
    uint32_t depth, keys_open, keys_seen;
    struct level levels[LEVELS_ROOM];
    uint64_t keys[KEYS_ROOM];
};

/* A number for a key: two keys with one number are taken for equal, which is refused, not trusted. */
static inline uint64_t key_print(const uint8_t *start, size_t size)
{
    uint64_t print = size * UINT64_C(0x9E3779B97F4A7C15);
    while (size >= 8) {
        print = (print ^ word_at(start)) * UINT64_C(0xC2B2AE3D27D4EB4F);
        print ^= print >> 29;
        start += 8;
        size -= 8;
    }
    uint64_t rest = 0;
    for (size_t place = 0; place < size; place++) {
        rest |= (uint64_t)start[place] << (8 * place);
    }
    print = (print ^ rest) * UINT64_C(0x165667B19E3779F9);
    return print ^ (print >> 32);
}

/* A key, which has to be the first of its name in the object that is open. */
static inline bool take_property_key(struct properties *p)
{
    struct text key;
    if (!read_key(p->c, &key) || key.size > p->limits->string_bytes || ++p->keys_seen > p->limits->properties) {
        return false;
    }
    struct level *level = &p->levels[p->depth - 1];
    uint64_t print = key_print(key.start, key.size), bit = UINT64_C(1) << (print & 63);
    if (level->key_bits & bit) {
        for (uint32_t place = level->first_key; place < p->keys_open; place++) {
            if (p->keys[place] == print) {
                return false;
            }
        }
    }
    level->key_bits |= bit;
    p->keys[p->keys_open++] = print;
    return true;
}

/* Opens an object or an array, whose bracket stands here. */
static inline bool open_level(struct properties *p, bool is_object)
{
    if (p->depth >= p->limits->levels) {
        return false;
    }
    p->levels[p->depth++] = (struct level){is_object, 1, p->keys_open, 0};
    p->c->at++;
    skip_blanks(p->c);
    return true;
}

static inline bool take_plain_value(struct properties *p)
{
    struct cursor *c = p->c;
    const uint8_t *start = c->at;
    switch (*start) {
    case '"':
        return skip_string(c, false) && (size_t)(c->at - start) - 2 <= p->limits->string_bytes;
    case 't':
        return TAKE_WORD(c, "true");
    case 'f':
        return TAKE_WORD(c, "false");
    case 'n':
        return TAKE_WORD(c, "null");
    default:
        return skip_number(c);
    }
}

/* After a value: closes what ends here. True where another value, or nothing, has to follow. */
static inline bool close_levels(struct properties *p)
{
    while (p->depth > 0) {
        struct level *level = &p->levels[p->depth - 1];
        if (goes_on(p->c)) {
            return level->is_object ? take_property_key(p) : ++level->elements <= p->limits->elements;
        }
        if (*p->c->at != (level->is_object ? '}' : ']')) {
            return false;
        }
        p->c->at++;
        p->keys_open = level->first_key;
        p->depth--;
    }
    return true;
}

/* Steps over the properties that begin here, and the blanks behind them. False where they are no
   object, break a limit or perhaps do: all keys are counted, those within others too. */
static bool skip_properties(struct cursor *c, const struct property_limits *limits, struct text *object)
{
    struct properties p;
    p.c = c, p.limits = limits, p.depth = 0, p.keys_open = 0, p.keys_seen = 0;
    const uint8_t *start = c->at;
    if (*start != '{') {
        return false;
    }
    do {
        bool is_object = *c->at == '{';
        if (is_object || *c->at == '[') {
            if (!open_level(&p, is_object)) {
                return false;
            }
            if (*c->at != (is_object ? '}' : ']')) {
                if (is_object && !take_property_key(&p)) {
                    return false;
                }
                continue;
            }
            c->at++;
            p.depth--;
        } else if (!take_plain_value(&p)) {
            return false;
        }
        if (!close_levels(&p)) {
            return false;
        }
    } while (p.depth > 0);
    *object = (struct text){start, (size_t)(c->at - start)};
    skip_blanks(c);
    return true;
}

#endif
