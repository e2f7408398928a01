/* Writes random rows of an export, tells plain objects from others, and sorts rows; built with sanitizers, which end it
   at the first wrong access.

   export_rows SEED ROUNDS: everything has just the bytes that it takes. Rows have to be what printing one value after
   the other gives; they are refused only if there is too little room or a value is missing. An object has to be plain
   if nothing was put into it that takes Python; some are damaged, and may then be either. Sorted rows have to be the
   same rows, in order. */

#include "rows.c"

#include "rounds.h"

#include <time.h>

enum { ROWS_MAX = 5, SORTED_MAX = 24, TEXT_MAX = 9, PRINTED_MAX = 1 << 16, TEXTS = 7 };
enum { OBJECTS_MAX = 3, LEVELS_MAX = 4, MEMBERS_MAX = 3, EDGES = 5 };

/* The first and the last second of all, those of a leap day, and the end of a February that has none. */
static const int64_t EDGE[EDGES] = {0, UINT32_MAX, 951782400, 951868799, 4107542399};

static struct {
    size_t size;
    char text[PRINTED_MAX];
} printed;

static void print_bytes(const void *text, size_t size)
{
    must(size < PRINTED_MAX - printed.size);
    memcpy(printed.text + printed.size, text, size);
    printed.size += size;
}

static void print(const void *text)
{
    print_bytes(text, strlen(text));
}

#define PICKED(texts) ((texts)[chance(sizeof(texts) / sizeof *(texts))])

static void *copied(const void *from, size_t size)
{
    uint8_t *copy = malloc(size);
    for (size_t at = 0; at < size; at++)
        copy[at] = ((const uint8_t *)from)[at];
    return copy;
}

/* Many are as they are in a JSON string. */
static uint8_t random_byte(void)
{
    static const uint8_t others[] = "\"\\\b\t\n\v\f\r\x01\x1f\x7f\xc3\xa9/";
    return (uint8_t)(chance(3) ? 'a' + chance(3) : PICKED(others));
}

/* Texts that lie in the order of their rows or in the reverse of it; some rows have the text of their neighbour in
   memory, or the begin of it. */
static struct column random_column(size_t count)
{
    uint8_t joined[SORTED_MAX * TEXT_MAX];
    int64_t *starts = malloc(count * sizeof *starts), size = 0;
    uint32_t *sizes = malloc(count * sizeof *sizes);
    bool is_backward = chance(2);
    for (size_t at = 0; at < count; at++) {
        size_t row = is_backward ? count - 1 - at : at, before = is_backward ? row + 1 : row - 1;
        if (at > 0 && chance(2)) {
            starts[row] = starts[before];
            sizes[row] = chance(2) ? sizes[before] : (uint32_t)chance(sizes[before] + 1);
            continue;
        }
        starts[row] = size;
        sizes[row] = (uint32_t)chance(TEXT_MAX);
        for (uint32_t left = sizes[row]; left > 0; left--)
            joined[size++] = random_byte();
    }
    return (struct column){copied(joined, (size_t)size), starts, sizes};
}

static void free_column(struct column column)
{
    free((void *)column.joined), free((void *)column.starts), free((void *)column.sizes);
}

static void print_text(const struct column *column, size_t row)
{
    print_bytes(column->joined + column->starts[row], column->sizes[row]);
}

static void print_string(const struct column *column, size_t row)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    print("\"");
    for (uint32_t place = 0; place < column->sizes[row]; place++) {
        uint8_t byte = column->joined[column->starts[row] + place];
        const char *found = byte ? strchr(escaped, byte) : NULL;
        char text[8];
        if (found != NULL)
            snprintf(text, sizeof text, "\\%c", letters[found - escaped]);
        else
            snprintf(text, sizeof text, byte < ' ' ? "\\u%04x" : "%c", byte);
        print(text);
    }
    print("\"");
}

/* The public id and the UUID, in arithmetic that is wide enough for them. */
static void print_ids(const struct rows *rows, size_t row)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { DAYS_FROM_1582 = 141427 };
    char public_id[PUBLIC_ID_BYTES + 1] = "", uuid[UUID_BYTES + 1];
    unsigned __int128 left = (unsigned __int128)rows->time[row] << 64 | rows->id[row];
    for (size_t place = PUBLIC_ID_BYTES; place-- > 0; left /= 62)
        public_id[place] = digits[left % 62];
    uint64_t ticks = (UINT64_C(86400) * DAYS_FROM_1582 + (uint64_t)rows->time[row]) * 10000000;
    snprintf(uuid, sizeof uuid, "%08x-%04x-1%03x-8001-%012llx", (unsigned)ticks, (unsigned)(ticks >> 32 & 0xFFFF),
             (unsigned)(ticks >> 48), (unsigned long long)(rows->id[row] >> 16));
    print(rows->names[EVENT_ID]), print(public_id), print("\"");
    print(rows->names[UUID]), print(uuid), print("\",");
    print_text(&rows->metric_id, row), print(","), print_text(&rows->profile_id, row);
}

static void print_row(const struct rows *rows, size_t row, const char *value)
{
    char datetime[DATETIME_BYTES + 1];
    time_t time = rows->time[row];
    struct tm parts;
    must(strftime(datetime, sizeof datetime, "%Y-%m-%dT%H:%M:%S+00:00", gmtime_r(&time, &parts)) == DATETIME_BYTES);
    print(rows->names[TIME]), print(datetime), print("\","), print_text(&rows->metric, row);
    print(rows->names[UNIQUE_ID]), print_string(&rows->unique_id, row);
    if (strcmp(value, "null") != 0)
        print(rows->names[VALUE]), print(value);
    if (rows->currency.sizes[row] > 0)
        print(rows->names[CURRENCY]), print_string(&rows->currency, row);
    print(rows->names[PROPERTIES]), print_text(&rows->properties, row), print_text(&rows->profile, row);
    if (rows->has_ids)
        print_ids(rows, row);
    print("}\n");
}

/* Ends with a NUL, as those of Python do; now and then it is cut off before. Tells whether it has all its elements. */
static uint8_t *random_list(const char **values, size_t count, bool *is_whole)
{
    printed.size = 0;
    print("[");
    for (size_t row = 0; row < count; row++)
        print(row ? "," : ""), print(values[row]);
    *is_whole = chance(8);
    if (*is_whole)
        print("]");
    else
        printed.size = chance(printed.size + 1);
    print_bytes("", 1);
    return copied(printed.text, printed.size);
}

/* Returns whether the rows were written. */
static bool write_random_rows(void)
{
    static const char *const values[] = {"null", "0.0", "-1.5e300", "12", "1e-7"}, *const texts[] = {"", ",", "{\"a\":\""};
    uint32_t count = (uint32_t)chance(ROWS_MAX);
    int64_t *times = malloc(count * sizeof *times);
    uint64_t *ids = malloc(count * sizeof *ids);
    uint8_t **names = malloc(NAMES * sizeof *names);
    struct column columns[TEXTS];
    const char *value_of[ROWS_MAX];
    bool is_whole;
    for (size_t name = 0; name < NAMES; name++) {
        const char *text = PICKED(texts);
        names[name] = copied(text, strlen(text) + 1);
    }
    for (size_t each = 0; each < TEXTS; each++)
        columns[each] = random_column(count);
    for (size_t row = 0; row < count; row++) {
        times[row] = chance(4) ? (int64_t)chance(UINT64_C(1) << 32) : EDGE[chance(EDGES)];
        times[row] = row > 0 && chance(2) ? times[row - 1] : times[row];
        ids[row] = chance(UINT64_MAX) >> chance(64);
        value_of[row] = PICKED(values);
    }
    uint8_t *list = random_list(value_of, count, &is_whole);
    struct rows rows = {count, chance(2), (const uint8_t *const *)names, times, ids, list,
                        columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], NULL, 0};
    printed.size = 0;
    for (size_t row = 0; row < count; row++)
        print_row(&rows, row, value_of[row]);
    rows.room = chance(4) ? printed.size + chance(2) * chance(TEXT_MAX) : chance(printed.size + 1);
    rows.out = malloc(rows.room);
    bool is_written = is_whole && rows.room >= printed.size && count > 0;
    must(eventkeep_write_rows(&rows) == (is_written ? printed.size : 0));
    must(!is_written || memcmp(rows.out, printed.text, printed.size) == 0);
    for (size_t name = 0; name < NAMES; name++)
        free(names[name]);
    for (size_t each = 0; each < TEXTS; each++)
        free_column(columns[each]);
    free(names), free(times), free(ids), free(list), free(rows.out);
    return is_written;
}

/* Now and then a blank. Returns whether an object stays plain with it. */
static bool print_blank(unsigned level)
{
    static const char *const blanks[] = {" ", " ", " ", "\t", "\n", "\r"};
    if (chance(30))
        return true;
    const char *blank = PICKED(blanks);
    print(blank);
    return level > 1 && (*blank == ' ' || *blank == '\t');
}

/* Returns whether it is a plain name. */
static bool print_random_string(void)
{
    static const char *const begins[] = {"", "", "$", "$e", "$v", "$a", "e"};
    static const char *const pieces[] = {"a", "b c", " ", "{", "]", ",", ":", "\xc3\xa9", "$v"};
    static const char *const escapes[] = {"\\\"", "\\\\", "\\u0024", "\\n"};
    const char *begin = chance(4) ? "a" : PICKED(begins);
    bool is_plain = strcmp(begin, "$e") != 0 && strcmp(begin, "$v") != 0;
    print("\""), print(begin);
    for (uint64_t left = chance(3); left > 0; left--) {
        bool is_escape = !chance(10);
        /* A dollar sign alone makes no other name. */
        print(is_escape ? PICKED(escapes) : strcmp(begin, "$") == 0 ? "$" : *begin ? PICKED(pieces) : "a");
        is_plain &= !is_escape;
    }
    print("\"");
    return is_plain;
}

/* A value with a level around it more than ``level``. Returns whether the object in which it is stays plain. */
static bool print_value(unsigned level, bool is_object)
{
    static const char *const plain[] = {"null", "true", "-1.50e+3", "0", "[]", "{}"};
    bool is_plain = true;
    level++;
    print(is_object ? "{" : "[");
    for (uint64_t left = chance(MEMBERS_MAX + 1); left > 0; left--) {
        is_plain &= print_blank(level);
        if (is_object) {
            is_plain &= print_random_string() || level > 1;
            is_plain &= print_blank(level);
            print(":");
            is_plain &= print_blank(level);
        }
        if (level < LEVELS_MAX && chance(2))
            is_plain &= print_value(level, chance(2));
        else if (chance(2))
            print_random_string();
        else
            print(PICKED(plain));
        is_plain &= print_blank(level);
        print(left > 1 ? "," : "");
    }
    is_plain &= print_blank(level);
    print(is_object ? "}" : "]");
    return is_plain;
}

/* Returns whether all of the objects are plain. */
static bool tell_random_objects(void)
{
    enum { PLAIN, OTHER, DAMAGED } expected[OBJECTS_MAX];
    uint32_t count = (uint32_t)chance(OBJECTS_MAX) + 1;
    int64_t *starts = malloc(count * sizeof *starts);
    uint32_t *sizes = malloc(count * sizeof *sizes), plain = 0;
    uint8_t *flags = malloc(count);
    printed.size = 0;
    for (uint32_t row = 0; row < count; row++) {
        size_t start = printed.size;
        bool is_plain = print_blank(0);
        is_plain &= print_value(0, true);
        is_plain &= print_blank(0);
        expected[row] = is_plain ? PLAIN : OTHER;
        size_t size = printed.size - start;
        if (!chance(6)) {
            expected[row] = DAMAGED;
            printed.size = chance(2) ? start + chance(size + 1) : printed.size;
            if (printed.size > start)
                printed.text[start + chance(printed.size - start)] = "\"\\{}[],: \n$"[chance(11)];
        }
        starts[row] = (int64_t)start, sizes[row] = (uint32_t)(printed.size - start);
    }
    uint8_t *joined = copied(printed.text, printed.size);
    struct column objects = {joined, starts, sizes};
    eventkeep_find_verbatim(&objects, count, flags);
    for (uint32_t row = 0; row < count; row++) {
        must(expected[row] == DAMAGED || flags[row] == (expected[row] == PLAIN));
        plain += flags[row];
    }
    free_column(objects), free(flags);
    return plain == count;
}

static int compare_bytes(const struct column *column, uint32_t one, uint32_t other)
{
    const uint8_t *first = column->joined + column->starts[one], *second = column->joined + column->starts[other];
    for (uint32_t at = 0; at < column->sizes[one] && at < column->sizes[other]; at++) {
        if (first[at] != second[at])
            return first[at] < second[at] ? -1 : 1;
    }
    return column->sizes[one] < column->sizes[other] ? -1 : column->sizes[one] > column->sizes[other];
}

/* Whether ``one`` belongs before ``other``, which is of the same second. */
static bool is_before(const struct order *order, uint32_t one, uint32_t other)
{
    int found = order->rank[one] < order->rank[other] ? -1 : order->rank[one] > order->rank[other];
    found = found ? found : compare_bytes(&order->unique_id, one, other);
    found = found ? found : compare_bytes(&order->identity, one, other);
    return found < 0 || (found == 0 && one < other);
}

/* Returns whether a row is in another place than before. */
static bool sort_random_rows(void)
{
    uint32_t count = (uint32_t)chance(SORTED_MAX), *ranks = malloc(count * sizeof *ranks);
    int64_t *times = malloc(count * sizeof *times);
    uint32_t *places = malloc(count * sizeof *places), *room = malloc(count * sizeof *room);
    uint64_t second = chance(10) + 1;
    bool is_moved = false, is_there[SORTED_MAX] = {false};
    for (uint32_t row = 0; row < count; row++) {
        times[row] = row == 0 ? EDGE[chance(EDGES)] : times[row - 1] - !chance(second);
        ranks[row] = chance(2) ? 7 : (uint32_t)chance(3) * INT32_MAX;
        places[row] = row;
    }
    struct order order = {count, times, ranks, random_column(count), random_column(count), places, room};
    eventkeep_order_within_seconds(&order);
    for (uint32_t row = 0; row < count; row++) {
        must(places[row] < count && !is_there[places[row]] && times[places[row]] == times[row]);
        must(row == 0 || times[row - 1] != times[row] || is_before(&order, places[row - 1], places[row]));
        is_there[places[row]] = true;
        is_moved |= places[row] != row;
    }
    free_column(order.unique_id), free_column(order.identity);
    free(ranks), free(times), free(places), free(room);
    return is_moved;
}

static bool do_one(void)
{
    static bool (*const all[])(void) = {write_random_rows, tell_random_objects, sort_random_rows};
    return all[chance(3)]();
}

int main(int count, char **arguments)
{
    return count_rounds(count, arguments, do_one);
}
