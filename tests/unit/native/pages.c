/* Writes random pages for as long as it is told to; built with sanitizers, which end it at the first wrong access.

   pages SEED ROUNDS: most of a page is as it is to be, and everything has just the bytes that it takes. */

#include "writer.c"

#include "rounds.h"

enum { EVENTS_MAX = 4, TEXT_MAX = 4096, ROOM_MAX = 4096 };

static uint8_t *copied(const char *text, size_t size)
{
    uint8_t *copy = malloc(size);
    memcpy(copy, text, size);
    return copy;
}

/* A list or a template is cut off now and then, but ends with a NUL as those of Python do. */
static uint8_t *with_end(char *text)
{
    size_t size = strlen(text);
    size = chance(40) ? size : chance(size + 1);
    text[size] = 0;
    return copied(text, size + 1);
}

static uint8_t *random_list(uint32_t events, const char *const *elements, size_t count)
{
    char text[TEXT_MAX] = "[";
    for (uint32_t place = 0; place < events; place++) {
        strcat(text, place > 0 ? "," : "");
        strcat(text, chance(60) ? elements[chance(count)] : "\\\"");
    }
    return with_end(strcat(text, "]"));
}

/* A text for each event; now and then one is longer than it may be. */
static struct texts random_texts(uint32_t events, const char *const *texts, size_t count)
{
    char joined[TEXT_MAX] = "";
    uint32_t sizes[EVENTS_MAX];
    for (uint32_t place = 0; place < events; place++) {
        const char *text = texts[chance(count)];
        strcat(joined, text);
        sizes[place] = (uint32_t)strlen(text) + (chance(60) == 0);
    }
    size_t size = strlen(joined);
    return (struct texts){copied(joined, size), (uint32_t *)copied((char *)sizes, events * sizeof *sizes), size};
}

static uint8_t *random_template(void)
{
    char text[TEXT_MAX] = "{";
    for (uint64_t left = chance(PIECES_MAX + (chance(20) == 0)); left > 0; left--) {
        char marker[] = {(char)(PUBLIC_ID + chance(FIELDS_END - PUBLIC_ID + (chance(200) == 0))), 0};
        strcat(text, marker);
        strcat(text, chance(3) ? "\"a\":" : "");
    }
    return with_end(text);
}

static bool write_in_exact_memory(void)
{
    static const char *const strings[] = {"\"\"", "\"01M1PA9MBA7VB258TP74BXMQTG\"", "\"a\\\"\\\\\"", "\"\\\\\"", "\"\xc3\xa9,]\""};
    static const char *const values[] = {"null", "0.0", "-1.5e300", "12.0"};
    static const char *const objects[] = {"{}", " {\n} ", "{\"a\":1}", "", " ", "{", "\t{ \"b\" : [1] }\r\n"};
    uint8_t *templates[TEMPLATES], flags[EVENTS_MAX], *lists[5];
    int64_t times[EVENTS_MAX];
    uint32_t events = (uint32_t)chance(EVENTS_MAX + 1);
    uint64_t id[EVENTS_MAX], room = chance(ROOM_MAX);
    for (size_t kind = 0; kind < TEMPLATES; kind++) {
        templates[kind] = random_template();
    }
    for (uint32_t place = 0; place < events; place++) {
        times[place] = (int64_t)chance(UINT64_C(1) << 32) - (chance(60) == 0);
        id[place] = chance(UINT64_MAX);
        flags[place] = (uint8_t)chance(8);
    }
    for (size_t place = 0; place < 5; place++) {
        lists[place] = place == 2 ? random_list(events, values, 4) : random_list(events, strings, 5);
    }
    struct page page = {
        .events = events,
        .templates = (const uint8_t *const *)templates,
        .times = (int64_t *)copied((char *)times, events * sizeof *times),
        .ids = (uint64_t *)copied((char *)id, events * sizeof *id),
        .flags = copied((char *)flags, events),
        .profile_ids = lists[0],
        .metric_ids = lists[1],
        .values = lists[2],
        .currencies = lists[3],
        .attribution_ids = lists[4],
        .unique_ids = random_texts(events, strings, 5),
        .properties = random_texts(events, objects, 7),
        .out = malloc(room),
        .room = room,
    };
    bool is_written = eventkeep_write_page(&page) > 0;
    for (size_t kind = 0; kind < TEMPLATES; kind++) {
        free(templates[kind]);
    }
    for (size_t place = 0; place < 5; place++) {
        free(lists[place]);
    }
    free((void *)page.times), free((void *)page.ids), free((void *)page.flags), free(page.out);
    free((void *)page.unique_ids.joined), free((void *)page.unique_ids.sizes);
    free((void *)page.properties.joined), free((void *)page.properties.sizes);
    return is_written;
}

int main(int count, char **arguments)
{
    return count_rounds(count, arguments, write_in_exact_memory);
}
