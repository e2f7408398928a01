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
    uint8_t *templates[TEMPLATES], flags[EVENTS_MAX], *lists[6];
    char properties[TEXT_MAX] = "";
    uint32_t time[EVENTS_MAX], bytes[EVENTS_MAX], events = (uint32_t)chance(EVENTS_MAX + 1);
    uint64_t id[EVENTS_MAX], room = chance(ROOM_MAX);
    for (size_t kind = 0; kind < TEMPLATES; kind++) {
        templates[kind] = random_template();
    }
    for (uint32_t place = 0; place < events; place++) {
        const char *object = objects[chance(sizeof objects / sizeof *objects)];
        strcat(properties, object);
        time[place] = (uint32_t)chance(UINT64_C(1) << 32);
        id[place] = chance(UINT64_MAX);
        flags[place] = (uint8_t)chance(8);
        bytes[place] = (uint32_t)strlen(object) + (chance(60) == 0);
    }
    for (size_t place = 0; place < 6; place++) {
        lists[place] = place == 3 ? random_list(events, values, 4) : random_list(events, strings, 5);
    }
    struct page page = {
        .events = events,
        .templates = (const uint8_t *const *)templates,
        .time = (uint32_t *)copied((char *)time, events * sizeof *time),
        .id = (uint64_t *)copied((char *)id, events * sizeof *id),
        .flags = copied((char *)flags, events),
        .profile_ids = lists[0],
        .metric_ids = lists[1],
        .unique_ids = lists[2],
        .values = lists[3],
        .currencies = lists[4],
        .attribution_ids = lists[5],
        .property_bytes = (uint32_t *)copied((char *)bytes, events * sizeof *bytes),
        .properties = copied(properties, strlen(properties)),
        .properties_size = strlen(properties),
        .out = malloc(room),
        .room = room,
    };
    bool is_written = eventkeep_write_page(&page) > 0;
    for (size_t kind = 0; kind < TEMPLATES; kind++) {
        free(templates[kind]);
    }
    for (size_t place = 0; place < 6; place++) {
        free(lists[place]);
    }
    free((void *)page.time), free((void *)page.id), free((void *)page.flags), free((void *)page.property_bytes);
    free((void *)page.properties), free(page.out);
    return is_written;
}

int main(int count, char **arguments)
{
    return count_rounds(count, arguments, write_in_exact_memory);
}
