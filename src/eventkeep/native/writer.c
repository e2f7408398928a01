/* The events of a page to JSON: for each event a template is copied, with its values in the place of the markers.

   How an event is written is known to Python, which makes the templates; here is only known how to write a value. */

#include "event_texts.h"

#define EXPORTED __attribute__((visibility("default")))

/* The markers: control characters, which stand nowhere in JSON, without those that are blanks in it. */
enum field {
    PUBLIC_ID = 0x0E,
    PROFILE_ID,
    METRIC_ID,
    TIMESTAMP,
    DATETIME,
    UUID,
    /* The members of the properties, and a comma if there are any. */
    MEMBERS,
    CURRENCY,
    UNIQUE_ID,
    VALUE,
    /* The properties as they are given. */
    PROPERTIES,
    ATTRIBUTION_ID,
    FIELDS_END,
};

/* Flags that make up the number of an event's kind. */
enum kind { HAS_VALUE = 1, HAS_CURRENCY = 2, IS_WHOLE = 4, KINDS };

/* A template for each kind, and then one for each kind of an event that has an attribution. */
enum { TEMPLATES = 2 * KINDS };

enum { PIECES_MAX = 32, TIMESTAMP_BYTES_MAX = 10 };

/* A text for each event, one after the other. */
struct texts {
    const uint8_t *joined;
    const uint32_t *sizes;
    uint64_t size;
};

/* Templates and lists end with a NUL. A list is a JSON array without blanks, with an element for each event. */
struct page {
    uint32_t events;
    const uint8_t *const *templates;
    const int64_t *times;
    const uint64_t *ids;
    /* HAS_VALUE here means that an event without a value has the value 0; IS_WHOLE that its properties are PROPERTIES. */
    const uint8_t *flags;
    const uint8_t *profile_ids, *metric_ids, *values, *currencies;
    /* "" for an event without an attribution. */
    const uint8_t *attribution_ids;
    struct texts unique_ids, properties;
    uint8_t *out;
    uint64_t room;
};

/* The text before a field, and the field; the last piece has none. */
struct piece {
    struct text before;
    uint8_t field;
};

struct event {
    uint32_t time;
    uint64_t id;
    uint8_t public_id[PUBLIC_ID_BYTES];
    struct text profile_id, metric_id, unique_id, value, currency, attribution_id, properties;
};

/* Cuts a template at its markers; false if one is unknown, or they are too many. */
static bool cut(const uint8_t *template, struct piece *pieces)
{
    const uint8_t *start = template;
    for (size_t count = 0; count < PIECES_MAX; count++) {
        const uint8_t *at = start;
        while (*at >= 0x20) {
            at++;
        }
        pieces[count] = (struct piece){{start, (size_t)(at - start)}, *at};
        if (*at == 0) {
            return true;
        }
        if (*at < PUBLIC_ID || *at >= FIELDS_END) {
            return false;
        }
        start = at + 1;
    }
    return false;
}

static inline bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct text stripped(struct text text)
{
    while (text.size > 0 && is_blank(text.start[text.size - 1])) {
        text.size--;
    }
    while (text.size > 0 && is_blank(*text.start)) {
        text.start++, text.size--;
    }
    return text;
}

/* The text between the braces of an object, without blanks around it. */
static struct text inside(struct text object)
{
    struct text text = stripped(object);
    if (text.size < 2) {
        return (struct text){text.start, 0};
    }
    return stripped((struct text){text.start + 1, text.size - 2});
}

static bool put_timestamp(struct output *out, uint32_t time)
{
    uint8_t digits[TIMESTAMP_BYTES_MAX];
    size_t start = sizeof digits;
    do {
        digits[--start] = (uint8_t)('0' + time % 10);
        time /= 10;
    } while (time > 0);
    return put(out, digits + start, sizeof digits - start);
}

static bool put_field(struct output *out, uint8_t field, const struct event *event)
{
    struct text members;
    uint8_t made[UUID_BYTES];
    switch (field) {
    case PUBLIC_ID:
        return put(out, event->public_id, PUBLIC_ID_BYTES);
    case PROFILE_ID:
        return put_text(out, event->profile_id);
    case METRIC_ID:
        return put_text(out, event->metric_id);
    case TIMESTAMP:
        return put_timestamp(out, event->time);
    case DATETIME:
        write_datetime(made, event->time);
        return put(out, made, DATETIME_BYTES);
    case UUID:
        write_uuid(made, event->time, event->id);
        return put(out, made, UUID_BYTES);
    case MEMBERS:
        members = inside(event->properties);
        return members.size == 0 || (put_text(out, members) && put(out, (const uint8_t *)",", 1));
    case CURRENCY:
        return put_text(out, event->currency);
    case UNIQUE_ID:
        return put_string(out, event->unique_id);
    case VALUE:
        return put_text(out, event->value);
    case PROPERTIES:
        return put_text(out, event->properties);
    case ATTRIBUTION_ID:
        return put_text(out, event->attribution_id);
    default:
        return false;
    }
}

static bool put_event(struct output *out, const struct piece *piece, const struct event *event)
{
    for (;; piece++) {
        if (!put_text(out, piece->before)) {
            return false;
        }
        if (piece->field == 0) {
            return true;
        }
        if (!put_field(out, piece->field, event)) {
            return false;
        }
    }
}

/* The number of the event's kind; the value becomes 0 if the event has none and must have one. */
static unsigned kind_of(struct event *event, uint8_t flags)
{
    if (flags & IS_WHOLE) {
        return IS_WHOLE;
    }
    unsigned kind = event->currency.size > strlen("\"\"") ? HAS_CURRENCY : 0;
    if (event->value.size != strlen("null") || memcmp(event->value.start, "null", strlen("null")) != 0) {
        return kind | HAS_VALUE;
    }
    event->value = (struct text){(const uint8_t *)"0", 1};
    return kind | (flags & HAS_VALUE);
}

/* Takes the next of the texts; false if there is not so much left. */
static bool next_text(struct texts *texts, struct text *text)
{
    *text = (struct text){texts->joined, *texts->sizes};
    if (text->size > texts->size) {
        return false;
    }
    *texts = (struct texts){texts->joined + text->size, texts->sizes + 1, texts->size - text->size};
    return true;
}

/* Writes the events with commas between them. Returns the bytes that they take; 0 if there is no room for them,
   or the input is invalid. */
EXPORTED uint64_t eventkeep_write_page(const struct page *page)
{
    struct piece pieces[TEMPLATES][PIECES_MAX];
    struct output out = {page->out, page->out + page->room};
    const uint8_t *profile_ids = page->profile_ids, *metric_ids = page->metric_ids, *values = page->values;
    const uint8_t *currencies = page->currencies, *attribution_ids = page->attribution_ids;
    struct texts unique_ids = page->unique_ids, properties = page->properties;
    for (size_t kind = 0; kind < TEMPLATES; kind++) {
        if (!cut(page->templates[kind], pieces[kind])) {
            return 0;
        }
    }
    for (uint32_t place = 0; place < page->events; place++) {
        struct event event;
        if (page->times[place] < 0 || page->times[place] > UINT32_MAX) {
            return 0;
        }
        event.time = (uint32_t)page->times[place];
        event.id = page->ids[place];
        if (!next_text(&unique_ids, &event.unique_id) || !next_text(&properties, &event.properties)) {
            return 0;
        }
        if (!next_element(&profile_ids, true, &event.profile_id) || !next_element(&metric_ids, true, &event.metric_id) ||
            !next_element(&values, false, &event.value) || !next_element(&currencies, false, &event.currency) ||
            !next_element(&attribution_ids, true, &event.attribution_id)) {
            return 0;
        }
        write_public_id(event.public_id, event.time, event.id);
        if (place > 0 && !put(&out, (const uint8_t *)",", 1)) {
            return 0;
        }
        unsigned template = kind_of(&event, page->flags[place]) + (event.attribution_id.size > 0 ? KINDS : 0);
        if (!put_event(&out, pieces[template], &event)) {
            return 0;
        }
    }
    return (uint64_t)(out.at - page->out);
}
