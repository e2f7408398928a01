/* JSON objects, checked against limits in one pass over their bytes: depth, elements, strings, repeated keys. */

#ifndef EVENTKEEP_OBJECTS_H
#define EVENTKEEP_OBJECTS_H

#include "json.h"

/* The most levels that the limits may allow, the most keys that all open objects may have together, and the bytes
   of a key with escapes. */
enum { LEVELS_ROOM = 16, KEYS_ROOM = 512, ESCAPED_KEY_ROOM = 256 };

/* ``keys`` counts those of the first level. */
struct object_limits {
    uint32_t keys, levels, elements, string_bytes;
};

/* An open object or array. The keys of an object are the last ones in ``walk.keys``. */
struct level {
    bool is_object;
    uint32_t elements, first_key;
    uint64_t key_bits;
};

struct walk {
    struct cursor *c;
    const struct object_limits *limits;
    uint32_t depth, keys_open, first_level_keys;
    struct level levels[LEVELS_ROOM];
    uint32_t keys[KEYS_ROOM];
};

/* A hash of a key. Two keys with the same hash count as equal: the object is then refused, not accepted. */
static inline uint64_t key_hash(const uint8_t *start, size_t size)
{
    uint64_t hash = size * UINT64_C(0x9E3779B97F4A7C15);
    while (size >= 8) {
        hash = (hash ^ word_at(start)) * UINT64_C(0xC2B2AE3D27D4EB4F);
        hash ^= hash >> 29;
        start += 8;
        size -= 8;
    }
    uint64_t rest = 0;
    for (size_t place = 0; place < size; place++) {
        rest |= (uint64_t)start[place] << (8 * place);
    }
    hash = (hash ^ rest) * UINT64_C(0x165667B19E3779F9);
    return hash ^ (hash >> 32);
}

/* A key with its colon. Returns false if the open object has it already. */
static inline bool take_object_key(struct walk *walk)
{
    struct text key;
    uint8_t decoded[ESCAPED_KEY_ROOM];
    if (!read_decoded(walk->c, decoded, sizeof decoded, &key) || !take(walk->c, ':') ||
        key.size > walk->limits->string_bytes || walk->keys_open == KEYS_ROOM ||
        (walk->depth == 1 && ++walk->first_level_keys > walk->limits->keys)) {
        return false;
    }
    struct level *level = &walk->levels[walk->depth - 1];
    uint64_t hash = key_hash(key.start, key.size), bit = UINT64_C(1) << (hash >> 58);
    uint32_t equal = 0;
    if (level->key_bits & bit) {
        /* All are compared, several at a time: an object may have hundreds. */
        for (uint32_t place = level->first_key; place < walk->keys_open; place++) {
            equal |= walk->keys[place] == (uint32_t)hash;
        }
    }
    level->key_bits |= bit;
    walk->keys[walk->keys_open++] = (uint32_t)hash;
    return !equal;
}

/* Opens the object or array whose bracket is here. */
static inline bool open_level(struct walk *walk, bool is_object)
{
    if (walk->depth >= walk->limits->levels) {
        return false;
    }
    walk->levels[walk->depth++] = (struct level){is_object, 1, walk->keys_open, 0};
    walk->c->at++;
    skip_blanks(walk->c);
    return true;
}

static inline bool take_scalar(struct walk *walk)
{
    struct cursor *c = walk->c;
    const uint8_t *start = c->at;
    switch (*start) {
    case '"':
        return skip_string(c) && (size_t)(c->at - start) - 2 <= walk->limits->string_bytes;
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

/* Closes the levels that end after a value. Returns true if another value follows, or if all levels are closed. */
static inline bool close_levels(struct walk *walk)
{
    while (walk->depth > 0) {
        struct level *level = &walk->levels[walk->depth - 1];
        if (goes_on(walk->c)) {
            return level->is_object ? take_object_key(walk) : ++level->elements <= walk->limits->elements;
        }
        if (*walk->c->at != (level->is_object ? '}' : ']')) {
            return false;
        }
        walk->c->at++;
        walk->keys_open = level->first_key;
        walk->depth--;
    }
    return true;
}

/* Steps over the object that starts here, and the blanks behind it. Returns false if there is none, if it is not
   valid JSON, and if it breaks a limit or may break one. */
static bool skip_object(struct cursor *c, const struct object_limits *limits, struct text *object)
{
    struct walk walk;
    walk.c = c, walk.limits = limits, walk.depth = 0, walk.keys_open = 0, walk.first_level_keys = 0;
    const uint8_t *start = c->at;
    if (*start != '{') {
        return false;
    }
    do {
        bool is_object = *c->at == '{';
        if (is_object || *c->at == '[') {
            if (!open_level(&walk, is_object)) {
                return false;
            }
            if (*c->at != (is_object ? '}' : ']')) {
                if (is_object && !take_object_key(&walk)) {
                    return false;
                }
                continue;
            }
            c->at++;
            walk.depth--;
        } else if (!take_scalar(&walk)) {
            return false;
        }
        if (!close_levels(&walk)) {
            return false;
        }
    } while (walk.depth > 0);
    *object = (struct text){start, (size_t)(c->at - start)};
    skip_blanks(c);
    return true;
}

#endif
