/* Events to the rows of an export: lines of JSON, into which the stored properties are copied without being parsed.

   Python passes the names of the columns; this file only writes rows. */

#include "event_texts.h"

#define EXPORTED __attribute__((visibility("default")))

/* Texts of the rows: those of a row begin at ``starts[row]`` in ``joined`` and have ``sizes[row]`` bytes. */
struct column {
    const uint8_t *joined;
    const int64_t *starts;
    const uint32_t *sizes;
};

/* The fixed texts of a row, in their order; a comma and a colon are part of them. */
enum name { TIME, UNIQUE_ID, VALUE, CURRENCY, PROPERTIES, EVENT_ID, UUID, NAMES };

struct rows {
    uint32_t count;
    bool has_ids;
    const uint8_t *const *names;
    const int64_t *time;
    const uint64_t *id;
    /* A JSON array without blanks, with an element for each row: null for none. */
    const uint8_t *values;
    /* Of ``metric``, ``profile`` and the ids the texts are members of the row's object; a profile has a comma before
       each member, the others have none. */
    struct column unique_id, currency, properties, metric, profile, metric_id, profile_id;
    uint8_t *out;
    uint64_t room;
};

static inline struct text text_at(const struct column *column, uint32_t row)
{
    return (struct text){column->joined + column->starts[row], column->sizes[row]};
}

static inline bool put_name(struct output *out, const struct rows *rows, enum name name)
{
    const uint8_t *text = rows->names[name];
    return put(out, text, strlen((const char *)text));
}

static inline bool put_bytes(struct output *out, const char *text)
{
    return put(out, (const uint8_t *)text, strlen(text));
}

static bool put_ids(struct output *out, const struct rows *rows, uint32_t row)
{
    uint8_t made[UUID_BYTES];
    uint32_t time = (uint32_t)rows->time[row];
    write_public_id(made, time, rows->id[row]);
    if (!put_name(out, rows, EVENT_ID) || !put(out, made, PUBLIC_ID_BYTES) || !put_bytes(out, "\"")) {
        return false;
    }
    write_uuid(made, time, rows->id[row]);
    return put_name(out, rows, UUID) && put(out, made, UUID_BYTES) && put_bytes(out, "\",") &&
           put_text(out, text_at(&rows->metric_id, row)) && put_bytes(out, ",") &&
           put_text(out, text_at(&rows->profile_id, row));
}

static bool put_row(struct output *out, const struct rows *rows, uint32_t row, const uint8_t *datetime, struct text value)
{
    struct text currency = text_at(&rows->currency, row);
    if (!put_name(out, rows, TIME) || !put(out, datetime, DATETIME_BYTES) || !put_bytes(out, "\",") ||
        !put_text(out, text_at(&rows->metric, row)) || !put_name(out, rows, UNIQUE_ID) ||
        !put_string(out, text_at(&rows->unique_id, row))) {
        return false;
    }
    if (*value.start != 'n' && !(put_name(out, rows, VALUE) && put_text(out, value))) {
        return false;
    }
    if (currency.size > 0 && !(put_name(out, rows, CURRENCY) && put_string(out, currency))) {
        return false;
    }
    return put_name(out, rows, PROPERTIES) && put_text(out, text_at(&rows->properties, row)) &&
           put_text(out, text_at(&rows->profile, row)) && (!rows->has_ids || put_ids(out, rows, row)) &&
           put_bytes(out, "}\n");
}

/* Writes the rows. Returns the bytes that they take; 0 if there is no room for them, or the values are too few. */
EXPORTED uint64_t eventkeep_write_rows(const struct rows *rows)
{
    struct output out = {rows->out, rows->out + rows->room};
    const uint8_t *values = rows->values;
    uint8_t datetime[DATETIME_BYTES];
    for (uint32_t row = 0; row < rows->count; row++) {
        struct text value;
        if (row == 0 || rows->time[row] != rows->time[row - 1]) {
            write_datetime(datetime, (uint32_t)rows->time[row]);
        }
        if (!next_element(&values, false, &value) || !put_row(&out, rows, row, datetime, value)) {
            return 0;
        }
    }
    return (uint64_t)(out.at - rows->out);
}

/* The end of a string, behind its quote; NULL if it has none. ``start`` is behind the quote that begins it. */
static const uint8_t *string_end_before(const uint8_t *start, const uint8_t *end)
{
    for (const uint8_t *at = start; (at = memchr(at, '"', (size_t)(end - at))) != NULL; at++) {
        const uint8_t *before = at - 1;
        while (before >= start && *before == '\\') {
            before--;
        }
        /* A quote behind an odd number of backslashes is escaped. */
        if ((at - before) % 2 == 1) {
            return at + 1;
        }
    }
    return NULL;
}

/* Whether a property's name is one that stands in a row as it is: without escapes, and not one that the API adds. */
static bool is_plain_name(const uint8_t *start, const uint8_t *end)
{
    if (memchr(start, '\\', (size_t)(end - start)) != NULL) {
        return false;
    }
    return !(end - start >= 2 && start[0] == '$' && (start[1] == 'e' || start[1] == 'v'));
}

/* Whether an object stands in a row as it is, as one look at its bytes tells: no escapes, no name or text that begins
   with a dollar sign, and no blank beside a bracket, a comma or a colon. The compiler turns the loop into vectors. */
static bool is_clearly_verbatim(const uint8_t *at, size_t size)
{
    uint8_t is_other = size < 2 || at[0] != '{' || at[size - 1] != '}';
    for (size_t place = 0; place + 1 < size; place++) {
        uint8_t byte = at[place], next = at[place + 1];
        /* The brackets differ from the braces in this bit. */
        uint8_t first = byte | 0x20, second = next | 0x20;
        uint8_t is_blank = byte <= ' ', is_next_blank = next <= ' ';
        uint8_t is_mark = (uint8_t)(first == '{') | (first == '}') | (byte == ',') | (byte == ':');
        uint8_t is_next_mark = (uint8_t)(second == '{') | (second == '}') | (next == ',') | (next == ':');
        is_other |= (uint8_t)(byte == '\\') | ((byte == '"') & (next == '$')) | (byte < ' ');
        is_other |= (uint8_t)(is_blank & is_next_mark) | (uint8_t)(is_mark & is_next_blank);
    }
    return !is_other;
}

/* Whether an object stands in a row as it is: no blanks between its members, plain names, and all on one line. */
static bool is_verbatim(const uint8_t *at, const uint8_t *end)
{
    uint32_t depth = 0;
    bool is_name = false;
    if (at == end || *at != '{') {
        return false;
    }
    while (at < end) {
        uint8_t byte = *at++;
        switch (byte) {
        case '{':
        case '[':
            is_name = ++depth == 1;
            break;
        case '}':
        case ']':
            if (depth == 0 || --depth == 0) {
                return at == end && depth == 0;
            }
            break;
        case ',':
            is_name = depth == 1;
            break;
        case '"': {
            const uint8_t *start = at;
            at = string_end_before(start, end);
            if (at == NULL || (is_name && !is_plain_name(start, at - 1))) {
                return false;
            }
            is_name = false;
            break;
        }
        case '\n':
        case '\r':
            return false;
        case ' ':
        case '\t':
            if (depth == 1) {
                return false;
            }
            break;
        default:
            break;
        }
    }
    return false;
}

/* Flags of the objects that stand in a row as they are; they are valid JSON. */
EXPORTED void eventkeep_find_verbatim(const struct column *objects, uint32_t count, uint8_t *flags)
{
    for (uint32_t row = 0; row < count; row++) {
        struct text object = text_at(objects, row);
        flags[row] = is_clearly_verbatim(object.start, object.size) ||
                     is_verbatim(object.start, object.start + object.size);
    }
}

struct order {
    uint32_t count;
    const int64_t *time;
    const uint32_t *rank;
    struct column unique_id, identity;
    /* The places of the rows, and as much room. */
    uint32_t *places, *room;
};

static inline int compare(struct text one, struct text other)
{
    size_t size = one.size < other.size ? one.size : other.size;
    int found = memcmp(one.start, other.start, size);
    return found != 0 ? found : (one.size > other.size) - (one.size < other.size);
}

/* Whether the first row belongs behind the second one. */
static bool is_behind(const struct order *order, uint32_t one, uint32_t other)
{
    if (order->rank[one] != order->rank[other]) {
        return order->rank[one] > order->rank[other];
    }
    int found = compare(text_at(&order->unique_id, one), text_at(&order->unique_id, other));
    if (found == 0) {
        found = compare(text_at(&order->identity, one), text_at(&order->identity, other));
    }
    return found > 0;
}

/* Sorts the places from ``start`` to ``end``: runs of twice the width, each merged from two. */
static void sort_second(const struct order *order, uint32_t start, uint32_t end)
{
    for (uint64_t width = 1; width < end - start; width *= 2) {
        for (uint64_t low = start; low < end; low += 2 * width) {
            uint64_t middle = low + width < end ? low + width : end, high = low + 2 * width < end ? low + 2 * width : end;
            uint64_t one = low, other = middle;
            for (uint64_t place = low; place < high; place++) {
                bool takes_other = one == middle || (other < high && is_behind(order, order->places[one], order->places[other]));
                order->room[place] = order->places[takes_other ? other++ : one++];
            }
        }
        memcpy(order->places + start, order->room + start, (end - start) * sizeof *order->places);
    }
}

/* Sorts the rows of each second by the rank of their metric, their unique id and the identifiers of their profile. */
EXPORTED void eventkeep_order_within_seconds(const struct order *order)
{
    for (uint32_t start = 0, end; start < order->count; start = end) {
        for (end = start + 1; end < order->count && order->time[end] == order->time[start]; end++) {
        }
        if (end - start > 1) {
            sort_second(order, start, end);
        }
    }
}
