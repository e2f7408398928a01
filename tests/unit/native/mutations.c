/* Reads mutated bodies for as long as it is told to; built with sanitizers, which end it at the first wrong access.

   mutations SEED ROUNDS FILE...: each file is a body, and every round changes one of them in a few places. */

#include "reader.c"

#include "chance.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENT_ROOM = 20, METRIC_ROOM = 3, CHANGES_MAX = 4, BODY_MAX = 1 << 16 };

static const char *const PIECES[] = {"\"", ":", ",", "{", "}", "[", "]", "\\", "\\u00", "\\ud83d\\ude00", "\\ud800", " ",
                                     "9", "-", ".", "e99", "1e999", "null", "true", "\"a\":1,", "[[[[[[[[[[", "\xc3\xa9",
                                     "\"type\":\"event\",", "2024-02-29T23:59:59.5+01:30", "12345678901234567890"};

static size_t changed(uint8_t *body, size_t size)
{
    for (uint64_t left = chance(CHANGES_MAX) + 1; left > 0; left--) {
        const char *piece = PIECES[chance(sizeof PIECES / sizeof *PIECES)];
        size_t place = chance(size + 1), removed = chance(6), added = chance(4) ? strlen(piece) : 0;
        removed = removed > size - place ? size - place : removed;
        if (size + added > BODY_MAX) {
            continue;
        }
        memmove(body + place + added, body + place + removed, size - place - removed);
        memcpy(body + place, piece, added);
        size += added - removed;
    }
    return chance(20) ? size : chance(size + 1);
}

/* The body as one of many, in which a broken one stands too. */
static bool read_copies(const uint8_t *body, size_t size, const struct rules *rules, struct columns *out)
{
    enum { COPIES = EVENT_ROOM + 2 };
    uint8_t *copies = malloc(COPIES * (size + 1)), *is_plain = malloc(COPIES), *at = copies;
    uint32_t *sizes = malloc(COPIES * sizeof(uint32_t));
    for (int copy = 0; copy < COPIES; copy++) {
        sizes[copy] = copy == 1 ? size / 2 : size;
        memcpy(at, body, sizes[copy]);
        at[sizes[copy]] = 0;
        at += sizes[copy] + 1;
    }
    out->properties = realloc(out->properties, COPIES * size);
    bool is_read = eventkeep_read_single_creates(copies, sizes, COPIES, rules, out, is_plain);
    uint32_t plain = 0;
    for (int copy = 0; copy < COPIES; copy++) {
        plain += is_plain[copy];
    }
    if (!is_read || plain != out->events || plain != out->profiles) {
        abort();
    }
    free(copies), free(is_plain), free(sizes);
    return plain > 0;
}

/* Everything has just the room that the reader may count on. */
static bool read_in_exact_memory(const uint8_t *body, size_t size, const uint8_t *table)
{
    struct rules rules = {1750000000, 946684800, 1780000000, EVENT_ROOM, METRIC_ROOM, 240, 31, {5, 4, 6, 40}, table};
    uint8_t *exact = malloc(size + 1);
    struct columns out = {0};
    memcpy(exact, body, size);
    exact[size] = 0;
    uint32_t **numbers[] = {&out.profile_index,   &out.metric_index,   &out.time,
                            &out.unique_id_bytes, &out.currency_bytes, &out.property_bytes};
    for (size_t place = 0; place < sizeof numbers / sizeof *numbers; place++) {
        *numbers[place] = malloc(EVENT_ROOM * sizeof(uint32_t));
    }
    out.value = malloc(EVENT_ROOM * sizeof(double));
    out.has_value = malloc(EVENT_ROOM);
    out.unique_id_hash = malloc(EVENT_ROOM * HASH_BYTES);
    out.unique_ids = malloc(EVENT_ROOM * 240);
    out.currencies = malloc(EVENT_ROOM * CURRENCY_BYTES);
    out.properties = malloc(size);
    out.profile = malloc(EVENT_ROOM * sizeof(struct span));
    out.metric = malloc(METRIC_ROOM * sizeof(struct span));
    out.long_value = malloc(EVENT_ROOM * sizeof(struct long_value));
    bool is_plain = eventkeep_read_bulk_create(exact, size, &rules, &out);
    is_plain |= eventkeep_read_single_create(exact, size, &rules, &out);
    is_plain |= read_copies(body, size, &rules, &out);
    for (size_t place = 0; place < sizeof numbers / sizeof *numbers; place++) {
        free(*numbers[place]);
    }
    free(out.value), free(out.has_value), free(out.unique_id_hash), free(out.unique_ids), free(out.currencies);
    free(out.properties), free(out.profile), free(out.metric), free(out.long_value), free(exact);
    return is_plain;
}

int main(int count, char **arguments)
{
    static uint8_t bodies[16][BODY_MAX], body[BODY_MAX], table[LETTERS * LETTERS * LETTERS];
    size_t sizes[16], files = 0;
    uint64_t plain = 0, rounds = strtoull(arguments[2], NULL, 10);
    state = strtoull(arguments[1], NULL, 10) | 1;
    table[(('E' - 'A') * LETTERS + ('U' - 'A')) * LETTERS + ('R' - 'A')] = 1;
    for (int place = 3; place < count && files < 16; place++) {
        FILE *file = fopen(arguments[place], "rb");
        sizes[files] = file == NULL ? 0 : fread(bodies[files], 1, BODY_MAX / 2, file);
        if (file == NULL || !read_in_exact_memory(bodies[files], sizes[files], table)) {
            fprintf(stderr, "%s is not plain\n", arguments[place]);
            return 2;
        }
        fclose(file);
        files++;
    }
    for (uint64_t round = 0; round < rounds; round++) {
        size_t chosen = chance(files);
        memcpy(body, bodies[chosen], sizes[chosen]);
        plain += read_in_exact_memory(body, changed(body, sizes[chosen]), table);
    }
    printf("%llu of %llu were plain\n", (unsigned long long)plain, (unsigned long long)rounds);
    return 0;
}
