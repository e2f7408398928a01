/* Parses create bodies into columns, in one pass over their bytes.

   Only plain bodies are accepted: the members that the documents know, each once, their names
   without escapes, no value near a limit. Any other body is refused without a reason:
   eventkeep.protocol then parses it in full, and finds its faults, if it has any. */

#include "json.h"
#include "objects.h"
#include "scalars.h"
#include "xxh3.h"

#include <math.h>

#define EXPORTED __attribute__((visibility("default")))

/* Members of an event, as bits of a set. */
enum member {
    TIME = 1,
    VALUE = 2,
    UNIQUE_ID = 4,
    CURRENCY = 8,
    BACKFILL = 16,
    METRIC = 32,
    PROPERTIES = 64,
    PROFILE = 128,
    EVENTS = 256,
};

enum { CURRENCY_BYTES = 3, LETTERS = 26 };

struct rules {
    int64_t received_at, time_min, time_max;
    uint32_t events_max, unique_id_bytes_max;
    /* The optional members that an event may have, TIME to BACKFILL. */
    uint32_t members;
    struct object_limits properties, resources;
    /* A byte for every three letters: 1 if they are a currency. */
    const uint8_t *currencies;
};

struct span {
    uint32_t start, size;
};

/* A value whose nearest double this parser can't find, and its event. */
struct long_value {
    uint32_t event;
    struct span text;
};

/* The parsed values. All arrays have room for events_max entries, those of texts for the longest of each. */
struct columns {
    uint32_t events, profiles, metrics, long_values;
    uint32_t unique_ids_size, currencies_size, properties_size;
    int64_t *time;
    double *value;
    uint64_t *hash_high, *hash_low;
    uint32_t *profile_index, *metric_index, *unique_id_bytes, *currency_bytes, *property_bytes;
    uint8_t *unique_ids, *currencies, *properties;
    struct span *profile, *metric;
    struct long_value *long_value;
};

struct reader {
    struct cursor cursor;
    const uint8_t *body;
    const struct rules *rules;
    struct columns *out;
};

/* Members of an event that are written once all of it is parsed. */
struct event {
    int64_t time;
    struct text unique_id, currency;
    uint8_t decoded[HASHED_BYTES_MAX + CHARACTER_BYTES_MAX];
};

static inline struct span span_of(const struct reader *r, struct text text)
{
    return (struct span){(uint32_t)(text.start - r->body), (uint32_t)text.size};
}

/* Starts an object whose only member has this name. */
static bool enter(struct cursor *c, const char *name)
{
    struct text key;
    return take(c, '{') && read_key(c, &key) && key.size == strlen(name) && memcmp(key.start, name, key.size) == 0;
}

static bool leave(struct cursor *c)
{
    skip_blanks(c);
    return take(c, '}');
}

/* An object with this type, and with attributes that ``read`` parses. */
static bool read_typed(struct reader *r, const char *type, bool (*read)(struct reader *))
{
    struct cursor *c = &r->cursor;
    bool has_type = false, has_attributes = false;
    if (!take(c, '{')) {
        return false;
    }
    do {
        struct text key, value;
        if (!read_key(c, &key)) {
            return false;
        }
        if (IS(key, "type") && !has_type) {
            has_type = true;
            if (!read_text(c, &value) || value.size != strlen(type) || memcmp(value.start, type, value.size) != 0) {
                return false;
            }
        } else if (IS(key, "attributes") && !has_attributes) {
            has_attributes = true;
            if (!read(r)) {
                return false;
            }
        } else {
            return false;
        }
    } while (goes_on(c));
    return take(c, '}') && has_type && has_attributes;
}

/* An array of at least one element; ``read`` parses each. */
static bool read_array(struct reader *r, bool (*read)(struct reader *))
{
    struct cursor *c = &r->cursor;
    if (!take(c, '[')) {
        return false;
    }
    do {
        if (!read(r)) {
            return false;
        }
    } while (goes_on(c));
    return take(c, ']');
}

static enum member member_named(struct text key)
{
    switch (key.size) {
    case 4:
        return IS(key, "time") ? TIME : 0;
    case 5:
        return IS(key, "value") ? VALUE : 0;
    case 6:
        return IS(key, "metric") ? METRIC : IS(key, "events") ? EVENTS : 0;
    case 7:
        return IS(key, "profile") ? PROFILE : 0;
    case 8:
        return IS(key, "backfill") ? BACKFILL : 0;
    case 9:
        return IS(key, "unique_id") ? UNIQUE_ID : 0;
    case 10:
        return IS(key, "properties") ? PROPERTIES : 0;
    case 14:
        return IS(key, "value_currency") ? CURRENCY : 0;
    default:
        return 0;
    }
}

static bool read_profile(struct reader *r)
{
    struct columns *out = r->out;
    struct text profile;
    if (!skip_object(&r->cursor, &r->rules->resources, &profile)) {
        return false;
    }
    out->profile[out->profiles] = span_of(r, profile);
    return true;
}

/* A metric. One that was written before in the same bytes is the same metric. */
static bool read_metric(struct reader *r)
{
    struct columns *out = r->out;
    struct text metric;
    uint32_t place = 0;
    if (!skip_object(&r->cursor, &r->rules->resources, &metric)) {
        return false;
    }
    while (place < out->metrics && (out->metric[place].size != metric.size ||
                                    memcmp(r->body + out->metric[place].start, metric.start, metric.size) != 0)) {
        place++;
    }
    if (place == out->metrics) {
        out->metric[out->metrics++] = span_of(r, metric);
    }
    out->metric_index[out->events] = place;
    return true;
}

static bool read_value(struct reader *r)
{
    struct columns *out = r->out;
    const uint8_t *start = r->cursor.at;
    if (!skip_number(&r->cursor)) {
        return false;
    }
    if (r->cursor.at - start == 2 && start[0] == '-' && start[1] == '0') {
        /* As an integer it is zero, as a double the negative zero: the full parser decides. */
        return false;
    }
    if (!plain_double(start, r->cursor.at, &out->value[out->events])) {
        struct text number = {start, (size_t)(r->cursor.at - start)};
        out->long_value[out->long_values++] = (struct long_value){out->events, span_of(r, number)};
    }
    skip_blanks(&r->cursor);
    return true;
}

static bool read_event_time(struct reader *r, struct event *event)
{
    struct text text;
    return read_text(&r->cursor, &text) && read_time(text, &event->time) && event->time >= r->rules->time_min &&
           event->time <= r->rules->time_max;
}

/* The properties of an event: an object, or the empty array that PHP makes of an empty one. */
static bool read_properties(struct reader *r)
{
    struct columns *out = r->out;
    struct cursor *c = &r->cursor;
    struct text properties = {(const uint8_t *)"{}", 2};
    if (*c->at == '[' ? !take(c, '[') || !take(c, ']') : !skip_object(c, &r->rules->properties, &properties)) {
        return false;
    }
    memcpy(out->properties + out->properties_size, properties.start, properties.size);
    out->properties_size += properties.size;
    out->property_bytes[out->events] = properties.size;
    return true;
}

/* An optional member; null means that it is absent. */
static bool read_optional(struct reader *r, enum member member, struct event *event)
{
    struct cursor *c = &r->cursor;
    bool is_flag = member == BACKFILL;
    if (TAKE_WORD(c, "null") || (is_flag && (TAKE_WORD(c, "true") || TAKE_WORD(c, "false")))) {
        skip_blanks(c);
        return true;
    }
    switch (member) {
    case TIME:
        return read_event_time(r, event);
    case VALUE:
        return read_value(r);
    case UNIQUE_ID:
        return read_decoded(c, event->decoded, sizeof event->decoded, &event->unique_id) &&
               event->unique_id.size > 0 && event->unique_id.size <= r->rules->unique_id_bytes_max;
    case CURRENCY:
        return read_text(c, &event->currency) && event->currency.size == CURRENCY_BYTES;
    default:
        return false;
    }
}

/* Writes the currency in upper case. Returns false if it is not one. */
static bool write_currency(struct reader *r, struct text currency)
{
    struct columns *out = r->out;
    uint8_t *letters = out->currencies + out->currencies_size;
    unsigned code = 0;
    for (size_t place = 0; place < currency.size; place++) {
        uint8_t letter = currency.start[place] & 0xDF;
        if (letter < 'A' || letter > 'Z') {
            return false;
        }
        letters[place] = letter;
        code = code * LETTERS + (letter - 'A');
    }
    out->currency_bytes[out->events] = currency.size;
    out->currencies_size += currency.size;
    return currency.size == 0 || r->rules->currencies[code];
}

static void write_unique_id(struct columns *out, const struct event *event)
{
    uint8_t second[20], *first = second + sizeof second;
    struct text unique_id = event->unique_id;
    if (unique_id.size == 0) {
        for (int64_t rest = event->time; rest > 0; rest /= 10) {
            *--first = '0' + rest % 10;
        }
        unique_id = (struct text){first, (size_t)(second + sizeof second - first)};
    }
    memcpy(out->unique_ids + out->unique_ids_size, unique_id.start, unique_id.size);
    out->unique_ids_size += unique_id.size;
    out->unique_id_bytes[out->events] = unique_id.size;
    struct wide hash = hash_of(unique_id.start, unique_id.size);
    out->hash_high[out->events] = hash.high;
    out->hash_low[out->events] = hash.low;
}

/* The attributes of an event: those ``needed``, and those that the rules allow. */
static bool read_attributes(struct reader *r, uint32_t needed)
{
    struct cursor *c = &r->cursor;
    struct columns *out = r->out;
    struct event event;
    event.time = r->rules->received_at;
    event.unique_id = event.currency = (struct text){NULL, 0};
    uint32_t seen = 0, allowed = needed | r->rules->members;
    if (out->events == r->rules->events_max || !take(c, '{')) {
        return false;
    }
    out->value[out->events] = NAN;
    do {
        struct text key;
        if (!read_key(c, &key)) {
            return false;
        }
        enum member member = member_named(key);
        if (!(member & allowed) || (member & seen)) {
            return false;
        }
        seen |= member;
        bool is_read = member == METRIC       ? read_metric(r)
                       : member == PROPERTIES ? read_properties(r)
                       : member == PROFILE    ? read_profile(r)
                                              : read_optional(r, member, &event);
        if (!is_read) {
            return false;
        }
    } while (goes_on(c));
    if ((seen & needed) != needed || !take(c, '}') || !write_currency(r, event.currency)) {
        return false;
    }
    out->time[out->events] = event.time;
    out->profile_index[out->events] = out->profiles;
    write_unique_id(out, &event);
    out->events++;
    return true;
}

static bool read_event_attributes(struct reader *r)
{
    return read_attributes(r, METRIC | PROPERTIES);
}

static bool read_single_attributes(struct reader *r)
{
    bool is_read = read_attributes(r, METRIC | PROPERTIES | PROFILE);
    r->out->profiles++;
    return is_read;
}

static bool read_event(struct reader *r)
{
    return read_typed(r, "event", read_event_attributes);
}

static bool read_events(struct reader *r)
{
    return enter(&r->cursor, "data") && read_array(r, read_event) && leave(&r->cursor);
}

static bool read_item_attributes(struct reader *r)
{
    struct cursor *c = &r->cursor;
    uint32_t seen = 0, needed = PROFILE | EVENTS, allowed = needed | (r->rules->members & BACKFILL);
    if (r->out->profiles == r->rules->events_max || !take(c, '{')) {
        return false;
    }
    do {
        struct text key;
        if (!read_key(c, &key)) {
            return false;
        }
        enum member member = member_named(key);
        if (!(member & allowed) || (member & seen)) {
            return false;
        }
        seen |= member;
        bool is_read = member == PROFILE  ? read_profile(r)
                       : member == EVENTS ? read_events(r)
                                          : read_optional(r, member, NULL);
        if (!is_read) {
            return false;
        }
    } while (goes_on(c));
    r->out->profiles++;
    return take(c, '}') && seen == (needed | (seen & BACKFILL));
}

static bool read_item(struct reader *r)
{
    return read_typed(r, "event-bulk-create", read_item_attributes);
}

static bool read_job_attributes(struct reader *r)
{
    struct cursor *c = &r->cursor;
    return enter(c, "events-bulk-create") && enter(c, "data") && read_array(r, read_item) && leave(c) && leave(c);
}

/* Empties ``out``. Returns false if this parser can't hold the rules. */
static bool begin(const struct rules *rules, size_t size, struct columns *out)
{
    if (size > UINT32_MAX || rules->properties.levels > LEVELS_ROOM || rules->properties.keys > KEYS_ROOM ||
        rules->resources.levels > LEVELS_ROOM || rules->resources.keys > KEYS_ROOM ||
        rules->unique_id_bytes_max > HASHED_BYTES_MAX || rules->received_at < 1 || rules->time_min < 1) {
        return false;
    }
    out->events = out->profiles = out->metrics = out->long_values = 0;
    out->unique_ids_size = out->currencies_size = out->properties_size = 0;
    return true;
}

/* A whole body, with a NUL behind it. */
static bool read_create(struct reader *r, bool is_bulk)
{
    struct cursor *c = &r->cursor;
    skip_blanks(c);
    return enter(c, "data") &&
           (is_bulk ? read_typed(r, "event-bulk-create-job", read_job_attributes)
                    : read_typed(r, "event", read_single_attributes)) &&
           leave(c) && c->at == c->end;
}

/* Parses ``count`` bodies, bulk creates or single ones, one behind the other: ``sizes`` bytes each, and a NUL behind
   each. ``is_plain`` says which were accepted; the others leave nothing in ``out``. Returns false if the rules can't
   be held. */
EXPORTED bool eventkeep_read_creates(const uint8_t *bodies, const uint32_t *sizes, uint32_t count, bool is_bulk,
                                     const struct rules *rules, struct columns *out, uint8_t *is_plain)
{
    size_t all = 0;
    for (uint32_t place = 0; place < count; place++) {
        all += (size_t)sizes[place] + 1;
    }
    if (!begin(rules, all, out)) {
        return false;
    }
    const uint8_t *body = bodies;
    for (uint32_t place = 0; place < count; place++) {
        struct reader r = {{body, body + sizes[place]}, bodies, rules, out};
        struct columns before = *out;
        is_plain[place] = read_create(&r, is_bulk);
        if (!is_plain[place]) {
            *out = before;
        }
        body += (size_t)sizes[place] + 1;
    }
    return true;
}

/* Changes whenever the structures or the calls change, so that a library of another build is not used. */
EXPORTED uint32_t eventkeep_reader_form(void)
{
    return 5;
}

/* The hash of a unique id; for the tests. */
EXPORTED void eventkeep_hash(const uint8_t *text, size_t size, uint64_t *high, uint64_t *low)
{
    struct wide hash = hash_of(text, size);
    *high = hash.high;
    *low = hash.low;
}
