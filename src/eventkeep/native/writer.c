/* The events of a page to JSON: for each event a template is copied, with its values in the place of the markers.

   How an event is written is known to Python, which makes the templates; here is only known how to write a value. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

enum { PIECES_MAX = 32, PUBLIC_ID_BYTES = 17, TIMESTAMP_BYTES_MAX = 10, DATETIME_BYTES = 25, UUID_BYTES = 36 };

struct text {
    const uint8_t *start;
    size_t size;
};

/* Templates and lists end with a NUL. A list is a JSON array without blanks, with an element for each event. */
struct page {
    uint32_t events;
    const uint8_t *const *templates;
    const uint32_t *time;
    const uint64_t *id;
    /* HAS_VALUE here means that an event without a value has the value 0; IS_WHOLE that its properties are PROPERTIES. */
    const uint8_t *flags;
    const uint8_t *profile_ids, *metric_ids, *unique_ids, *values, *currencies;
    /* "" for an event without an attribution. */
    const uint8_t *attribution_ids;
    const uint32_t *property_bytes;
    const uint8_t *properties;
    uint64_t properties_size;
    uint8_t *out;
    uint64_t room;
};

/* The text before a field, and the field; the last piece has none. */
struct piece {
    struct text before;
    uint8_t field;
};

struct output {
    uint8_t *at, *end;
};

struct event {
    uint32_t time;
    uint64_t id;
    uint8_t public_id[PUBLIC_ID_BYTES];
    struct text profile_id, metric_id, unique_id, value, currency, attribution_id, properties;
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

/* The end of the string that begins here, behind its quote; NULL if it has none. */
static const uint8_t *string_end(const uint8_t *start)
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
static bool next_element(const uint8_t **list, bool is_inside, struct text *text)
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
static void write_public_id(uint8_t *out, uint32_t time, uint64_t id)
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

/* As 2024-06-15T12:00:00+00:00. Years begin in March here, so that the leap day is their last one. */
static bool put_datetime(struct output *out, uint32_t time)
{
    enum { DAY = 86400, DAYS_OF_4_YEARS = 1461, DAYS_OF_400_YEARS = 146097, DAYS_TO_1970 = 719468 };
    uint8_t text[] = "0000-00-00T00:00:00+00:00";
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
    return put(out, text, DATETIME_BYTES);
}

/* A version 1 UUID: its time in ticks of 100 ns since 1582-10-15, the clock sequence 1, the upper 48 bits of the id. */
static bool put_uuid(struct output *out, uint32_t time, uint64_t id)
{
    uint8_t text[] = "00000000-0000-1000-8001-000000000000";
    uint64_t ticks = UINT64_C(10000000) * time + UINT64_C(0x01B21DD213814000);
    write_digits(text, 8, ticks & 0xFFFFFFFF, 16);
    write_digits(text + 9, 4, ticks >> 32 & 0xFFFF, 16);
    write_digits(text + 15, 3, ticks >> 48, 16);
    write_digits(text + 24, 12, id >> 16, 16);
    return put(out, text, UUID_BYTES);
}

static bool put_field(struct output *out, uint8_t field, const struct event *event)
{
    struct text members;
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
        return put_datetime(out, event->time);
    case UUID:
        return put_uuid(out, event->time, event->id);
    case MEMBERS:
        members = inside(event->properties);
        return members.size == 0 || (put_text(out, members) && put(out, (const uint8_t *)",", 1));
    case CURRENCY:
        return put_text(out, event->currency);
    case UNIQUE_ID:
        return put_text(out, event->unique_id);
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

/* Writes the events with commas between them. Returns the bytes that they take; 0 if there is no room for them,
   or the input is invalid. */
EXPORTED uint64_t eventkeep_write_page(const struct page *page)
{
    struct piece pieces[TEMPLATES][PIECES_MAX];
    struct output out = {page->out, page->out + page->room};
    const uint8_t *profile_ids = page->profile_ids, *metric_ids = page->metric_ids, *unique_ids = page->unique_ids;
    const uint8_t *values = page->values, *currencies = page->currencies, *properties = page->properties;
    const uint8_t *attribution_ids = page->attribution_ids;
    uint64_t properties_left = page->properties_size;
    for (size_t kind = 0; kind < TEMPLATES; kind++) {
        if (!cut(page->templates[kind], pieces[kind])) {
            return 0;
        }
    }
    for (uint32_t place = 0; place < page->events; place++) {
        struct event event;
        event.time = page->time[place];
        event.id = page->id[place];
        event.properties = (struct text){properties, page->property_bytes[place]};
        if (event.properties.size > properties_left) {
            return 0;
        }
        properties += event.properties.size;
        properties_left -= event.properties.size;
        if (!next_element(&profile_ids, true, &event.profile_id) || !next_element(&metric_ids, true, &event.metric_id) ||
            !next_element(&unique_ids, false, &event.unique_id) || !next_element(&values, false, &event.value) ||
            !next_element(&currencies, false, &event.currency) ||
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
