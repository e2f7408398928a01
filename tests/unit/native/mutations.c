/* Parses mutated bodies; built with sanitizers, which end the program at the first wrong access.

   mutations SEED ROUNDS FILE...: each file is a body, and every round changes one of them in a few places. */

#include "reader.c"

#include "chance.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENT_ROOM = 20, UNIQUE_ID_ROOM = 240, CHANGES_MAX = 4, BODY_MAX = 1 << 16 };

static const char *const PIECES[] = {"\"", ":", ",", "{", "}", "[", "]", "\\", "\\u00", "\\ud83d\\ude00", "\\ud800", " ",
                                     "9", "-", ".", "e99", "1e999", "null", "true", "\"a\":1,", "[[[[[[[[[[", "\xc3\xa9",
                                     "\"type\":\"event\",", "2024-02-29T23:59:59.5+01:30", "12345678901234567890", "\\u00e9", "2024-02-29", "\\n"};

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

/* Parses a body alone, or several copies of it of which one is broken. Everything has just the room that the reader may
   count on. Returns how many were plain. */
static uint32_t read_in_exact_memory(const uint8_t *body, size_t size, uint32_t count, bool is_bulk, const uint8_t *table)
{
    struct rules rules = {1750000000, 946684800, 1780000000, EVENT_ROOM, UNIQUE_ID_ROOM, 31,
                          {5, 4, 6, 40}, {20, 8, 6, 80}, table};
    uint8_t *exact = malloc(count * (size + 1)), *is_plain = malloc(count), *at = exact;
    uint32_t *sizes = malloc(count * sizeof(uint32_t)), plain = 0;
    for (uint32_t copy = 0; copy < count; copy++) {
        sizes[copy] = copy == 1 ? size / 2 : size;
        memcpy(at, body, sizes[copy]);
        at[sizes[copy]] = 0;
        at += sizes[copy] + 1;
    }
    struct columns out = {0};
    uint32_t **numbers[] = {&out.profile_index, &out.metric_index, &out.unique_id_bytes, &out.currency_bytes,
                            &out.property_bytes};
    for (size_t place = 0; place < sizeof numbers / sizeof *numbers; place++) {
        *numbers[place] = malloc(EVENT_ROOM * sizeof(uint32_t));
    }
    out.time = malloc(EVENT_ROOM * sizeof(int64_t)), out.value = malloc(EVENT_ROOM * sizeof(double));
    out.hash_high = malloc(EVENT_ROOM * sizeof(uint64_t)), out.hash_low = malloc(EVENT_ROOM * sizeof(uint64_t));
    out.unique_ids = malloc(EVENT_ROOM * UNIQUE_ID_ROOM), out.currencies = malloc(EVENT_ROOM * CURRENCY_BYTES);
    out.properties = malloc(count * size);
    out.profile = malloc(EVENT_ROOM * sizeof(struct span)), out.metric = malloc(EVENT_ROOM * sizeof(struct span));
    out.long_value = malloc(EVENT_ROOM * sizeof(struct long_value));
    if (!eventkeep_read_creates(exact, sizes, count, is_bulk, &rules, &out, is_plain)) {
        abort();
    }
    for (uint32_t copy = 0; copy < count; copy++) {
        plain += is_plain[copy];
    }
    if (!is_bulk && (plain != out.events || plain != out.profiles)) {
        abort();
    }
    for (size_t place = 0; place < sizeof numbers / sizeof *numbers; place++) {
        free(*numbers[place]);
    }
    free(out.time), free(out.value), free(out.hash_high), free(out.hash_low), free(out.unique_ids);
    free(out.currencies), free(out.properties), free(out.profile), free(out.metric), free(out.long_value);
    free(exact), free(is_plain), free(sizes);
    return plain;
}

static bool is_plain(const uint8_t *body, size_t size, const uint8_t *table)
{
    uint32_t bulk = read_in_exact_memory(body, size, 1, true, table);
    uint32_t one = read_in_exact_memory(body, size, 1, false, table);
    uint32_t many = read_in_exact_memory(body, size, EVENT_ROOM + 2, false, table);
    if (many != 0 && one == 0) {
        abort();
    }
    return bulk + one > 0;
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
        if (file == NULL || !is_plain(bodies[files], sizes[files], table)) {
            fprintf(stderr, "%s is not plain\n", arguments[place]);
            return 2;
        }
        fclose(file);
        files++;
    }
    for (uint64_t round = 0; round < rounds; round++) {
        size_t chosen = chance(files);
        memcpy(body, bodies[chosen], sizes[chosen]);
        plain += is_plain(body, changed(body, sizes[chosen]), table);
    }
    printf("%llu of %llu were plain\n", (unsigned long long)plain, (unsigned long long)rounds);
    return 0;
}
