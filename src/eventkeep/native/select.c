/* The first events of a selection in its order, out of all parts of the event store: segments in files, whose pieces
   are read and verified, and segments in memory. The layout of files is told in docs/segment-format.md. */

#define _XOPEN_SOURCE 700

#include "pieces.h"

#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

enum { PROFILE, METRIC, ORDERS };

/* A segment: fewer than 2^32 rows, sorted by account, time and id. Accounts ascend, with the first row of each; a last
   start ends them. */
struct part {
    uint64_t accounts_count, currencies_count;
    const uint32_t *accounts;
    const int64_t *starts;
    /* Of a file alone; times are from the base. The columns of a group stand one after the other, those with widths of
       their own behind the others. */
    int64_t time_base;
    const uint32_t *oldest, *newest;
    uint64_t groups_offset;
    const uint64_t *checksums;
    const uint32_t *fence_times;
    const uint64_t *fence_ids, *currencies;
    uint32_t is_file, group_rows, metric_width, position_width, file_width, currency_width;
    struct order orders[ORDERS];
    /* Of memory alone. */
    const int64_t *times;
    const uint64_t *ids, *currency_codes;
    const uint32_t *profiles, *metrics;
    const double *values;
    const uint32_t *numbers[ORDERS];
    const int64_t *rows[ORDERS];
};

/* A row of a page: ``part`` is its place in the parts; file and slot are those of a row in a file. */
struct row {
    int64_t time;
    uint64_t id;
    double value;
    uint64_t currency;
    uint32_t profile, metric, file, slot, part, row;
};

/* What to look for. Times and the place behind which the page begins are used if their flag is set; the sets ascend,
   and are NULL for no condition. */
struct selection {
    int64_t time_min, time_max, after_time;
    uint64_t after_id, count;
    const uint32_t *profiles, *metrics;
    uint64_t profiles_count, metrics_count;
    uint32_t account;
    uint8_t has_min, has_max, has_after, descending;
};

/* A piece that can't be used, and the system's error number: 0 if it is damaged. */
struct bad_piece {
    uint64_t offset, size;
    uint32_t part;
    int32_t error;
};

/* A read of one part after the other. A group of rows is kept until another one is needed. */
struct reading {
    const struct part *part;
    uint8_t *group;
    uint64_t group_place;
    size_t group_bytes;
    int32_t file;
    struct order order;
    struct order_piece piece;
    struct bad_piece *bad;
    bool has_failed;
};

enum { NO_PLACE = -1 };

static size_t row_bytes(const struct part *part)
{
    return 3 * 8 + 3 * 4 + part->metric_width + part->position_width + part->file_width + part->currency_width;
}

/* Begins with a part; ``buffer`` has room for a group and for a piece behind it. */
static void begin(struct reading *reading, const struct part *part, uint32_t place, int32_t file, uint8_t *buffer)
{
    reading->part = part;
    reading->file = file;
    reading->group = buffer;
    reading->group_place = UINT64_MAX;
    reading->group_bytes = part->is_file ? row_bytes(part) * part->group_rows : 0;
    reading->piece = (struct order_piece){&reading->order, UINT64_MAX, buffer + reading->group_bytes, 0, false};
    reading->bad->part = place;
}

static uint64_t piece_bytes(const struct order *order)
{
    return (uint64_t)order->entries * (4 + order->width);
}

static size_t buffer_bytes(const struct part *part)
{
    if (!part->is_file)
        return 0;
    uint64_t profiles = piece_bytes(&part->orders[PROFILE]), metrics = piece_bytes(&part->orders[METRIC]);
    return row_bytes(part) * part->group_rows + (profiles > metrics ? profiles : metrics);
}

static void fail(struct reading *reading, uint64_t offset, uint64_t size, int32_t error)
{
    reading->has_failed = true;
    reading->bad->offset = offset;
    reading->bad->size = size;
    reading->bad->error = error;
}

/* The group with a row of a file; NULL if it can't be used. */
static const uint8_t *group_of(struct reading *reading, uint64_t row)
{
    const struct part *part = reading->part;
    uint64_t place = row / part->group_rows;
    if (place != reading->group_place) {
        size_t bytes = reading->group_bytes;
        uint64_t offset = part->groups_offset + place * bytes;
        ssize_t got = read_whole(reading->file, reading->group, bytes, offset);
        if (got != (ssize_t)bytes || xxh3_64(reading->group, bytes) != part->checksums[place]) {
            fail(reading, offset, bytes, got < 0 ? errno : 0);
            return NULL;
        }
        reading->group_place = place;
    }
    return reading->group;
}

static uint64_t column_at(const uint8_t *group, size_t at, uint32_t width)
{
    uint64_t word = 0;
    memcpy(&word, group + at * width, width);
    return word;
}

/* A time of a file. Wrong content may give any, so that the sum wraps around. */
static int64_t time_at(const struct part *part, uint64_t offset)
{
    return (int64_t)((uint64_t)part->time_base + offset);
}

/* Reads one of the part's rows; false if its group can't be used. */
static bool read_row(struct reading *reading, uint64_t row, struct row *out)
{
    const struct part *part = reading->part;
    out->part = reading->bad->part;
    out->row = (uint32_t)row;
    if (!part->is_file) {
        out->time = part->times[row];
        out->id = part->ids[row];
        out->value = part->values[row];
        out->currency = part->currency_codes[row];
        out->profile = part->profiles[row];
        out->metric = part->metrics[row];
        out->file = out->slot = 0;
        return true;
    }
    const uint8_t *group = group_of(reading, row);
    if (group == NULL)
        return false;
    size_t rows = part->group_rows, at = row % rows;
    out->id = column_at(group, at, 8);
    memcpy(&out->value, group + (2 * rows + at) * 8, 8);
    group += 3 * rows * 8;
    out->time = time_at(part, column_at(group, at, 4));
    out->profile = (uint32_t)column_at(group, rows + at, 4);
    out->slot = (uint32_t)column_at(group, 2 * rows + at, 4);
    group += 3 * rows * 4;
    out->metric = (uint32_t)column_at(group, at, part->metric_width);
    group += rows * (part->metric_width + part->position_width);
    out->file = (uint32_t)column_at(group, at, part->file_width);
    group += rows * part->file_width;
    uint64_t currency = column_at(group, at, part->currency_width);
    if (currency >= part->currencies_count) {
        fail(reading, part->groups_offset + reading->group_place * reading->group_bytes, reading->group_bytes, 0);
        return false;
    }
    out->currency = part->currencies[currency];
    return true;
}

/* The first of ascending numbers from ``start`` to ``end`` that is not before ``number``, or, if ``behind``, is behind
   it; else ``end``. */
static uint64_t first_number(const uint32_t *ascending, uint64_t start, uint64_t end, uint32_t number, bool behind)
{
    while (start < end) {
        uint64_t middle = (start + end) / 2;
        if (ascending[middle] < number || (behind && ascending[middle] == number))
            start = middle + 1;
        else
            end = middle;
    }
    return start;
}

static bool holds(const uint32_t *ascending, uint64_t count, uint32_t number)
{
    uint64_t place = first_number(ascending, 0, count, number, false);
    return place < count && ascending[place] == number;
}

/* The place of the account in the part, -1 if it has no rows. */
static int64_t account_place(const struct part *part, uint32_t account)
{
    uint64_t low = first_number(part->accounts, 0, part->accounts_count, account, false);
    bool is_there = low < part->accounts_count && part->accounts[low] == account;
    return is_there && part->starts[low] < part->starts[low + 1] ? (int64_t)low : NO_PLACE;
}

/* A time that none of the account's rows from ``start`` to ``end`` is before, or, if ``is_newest``, after. */
static int64_t edge_of(const struct part *part, uint64_t account, uint64_t start, uint64_t end, bool is_newest)
{
    if (!part->is_file)
        return part->times[is_newest ? end - 1 : start];
    uint64_t size = part->group_rows, behind = (end + size - 1) / size;
    if (!is_newest) {
        bool is_own = start / size * size >= (uint64_t)part->starts[account];
        return time_at(part, is_own ? part->fence_times[start / size] : part->oldest[account]);
    }
    bool is_own = behind * size < (uint64_t)part->starts[account + 1];
    return time_at(part, is_own ? part->fence_times[behind] : part->newest[account]);
}

static bool is_before(int64_t time, uint64_t id, int64_t other_time, uint64_t other_id)
{
    return time < other_time || (time == other_time && id < other_id);
}

/* A place between rows: before those with the time and the id, or behind them. */
struct place {
    int64_t time;
    uint64_t id;
    bool is_behind;
};

static bool is_before_place(int64_t time, uint64_t id, struct place place)
{
    bool is_at = time == place.time && id == place.id;
    return is_at ? place.is_behind : is_before(time, id, place.time, place.id);
}

/* The first of the account's rows behind the place, else the end of them. */
static uint64_t first_behind(struct reading *reading, uint64_t account, struct place place)
{
    const struct part *part = reading->part;
    uint64_t start = (uint64_t)part->starts[account], end = (uint64_t)part->starts[account + 1];
    if (part->is_file) {
        /* Most segments lie before or behind the place as a whole, and need not be read. */
        if (place.time < edge_of(part, account, start, end, false))
            return start;
        if (place.time > edge_of(part, account, start, end, true))
            return end;
        /* The fences, each of the first row of its group, say in which group it is. */
        uint64_t size = part->group_rows, low = (start + size - 1) / size, high = (end + size - 1) / size;
        while (low < high) {
            uint64_t middle = (low + high) / 2;
            if (is_before_place(time_at(part, part->fence_times[middle]), part->fence_ids[middle], place))
                low = middle + 1;
            else
                high = middle;
        }
        if (low * size < end)
            end = low * size;
        if (low > 0 && (low - 1) * size >= start)
            start = (low - 1) * size + 1;
    }
    while (start < end) {
        uint64_t middle = (start + end) / 2;
        struct row row;
        if (!read_row(reading, middle, &row))
            break;
        if (is_before_place(row.time, row.id, place))
            start = middle + 1;
        else
            end = middle;
    }
    return start;
}

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static uint64_t smaller(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* The account's rows within the selection's times and behind its place. */
static void find_bounds(struct reading *reading, uint64_t account, const struct selection *selection, uint64_t *first,
                        uint64_t *behind)
{
    struct place oldest = {selection->time_min, 0, false}, newest = {selection->time_max, UINT64_MAX, true};
    struct place after = {selection->after_time, selection->after_id, !selection->descending};
    *first = (uint64_t)reading->part->starts[account];
    *behind = (uint64_t)reading->part->starts[account + 1];
    if (selection->has_min)
        *first = larger(*first, first_behind(reading, account, oldest));
    if (selection->has_max)
        *behind = smaller(*behind, first_behind(reading, account, newest));
    if (selection->has_after && selection->descending)
        *behind = smaller(*behind, first_behind(reading, account, after));
    else if (selection->has_after)
        *first = larger(*first, first_behind(reading, account, after));
    *behind = larger(*first, *behind);
}

/* Rows by their numbers in the part, in the page's order, in memory that grows. */
struct rows {
    uint32_t *rows;
    uint64_t count, room;
};

static bool add_row(struct rows *rows, uint32_t row)
{
    if (rows->count == rows->room) {
        uint64_t room = rows->room ? 2 * rows->room : 256;
        uint32_t *more = realloc(rows->rows, room * sizeof *more);
        if (more == NULL)
            return false;
        rows->rows = more;
        rows->room = room;
    }
    rows->rows[rows->count++] = row;
    return true;
}

static int compare_rows(const void *one, const void *other)
{
    uint32_t first = *(const uint32_t *)one, second = *(const uint32_t *)other;
    return first < second ? -1 : first > second;
}

static int compare_rows_descending(const void *one, const void *other)
{
    return compare_rows(other, one);
}

static uint32_t row_of_entry(struct reading *reading, int order, uint64_t entry)
{
    return reading->part->is_file ? row_at(&reading->piece, entry) : (uint32_t)reading->part->rows[order][entry];
}

/* The first of the entries from ``low`` to ``high``, which are all of one number's, that is not before ``row``. Between
   their rows lie at most the account's rows of other numbers: if there are few, the search has a short range. */
static uint64_t first_entry(struct reading *reading, uint64_t account, int order, uint64_t low, uint64_t high,
                            uint64_t row)
{
    uint64_t start = (uint64_t)reading->part->starts[account], end = (uint64_t)reading->part->starts[account + 1];
    uint64_t before = row - start, others = end - start - (high - low);
    high = smaller(high, low + before);
    low += before > others ? before - others : 0;
    while (low < high && !reading->piece.is_bad) {
        uint64_t middle = (low + high) / 2;
        if (row_of_entry(reading, order, middle) < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Adds the first rows of one number in the page's order, ``selection->count`` at most, that lie from ``first`` to
   ``behind`` and are of one of the metrics. False without memory. */
static bool add_number(struct reading *reading, const struct selection *selection, uint64_t account, int order,
                       uint32_t number, uint64_t first, uint64_t behind, struct rows *rows)
{
    const struct part *part = reading->part;
    bool has_metrics = order == PROFILE && selection->metrics != NULL, descending = selection->descending;
    uint64_t start = (uint64_t)part->starts[account], end = (uint64_t)part->starts[account + 1], low, high;
    if (part->is_file) {
        low = find_number(&reading->piece, start, end, number, false);
        high = find_number(&reading->piece, low, end, number, true);
    } else {
        low = first_number(part->numbers[order], start, end, number, false);
        high = first_number(part->numbers[order], low, end, number, true);
    }
    /* Only the bound on which the page begins is looked for: the loop ends at the other one. */
    if (low < high && descending && row_of_entry(reading, order, high - 1) >= behind)
        high = first_entry(reading, account, order, low, high, behind);
    else if (low < high && !descending && row_of_entry(reading, order, low) < first)
        low = first_entry(reading, account, order, low, high, first);
    for (uint64_t added = 0; low < high && added < selection->count;) {
        uint32_t row = row_of_entry(reading, order, descending ? --high : low++);
        /* Rows are read within the bounds alone, whatever wrong content says. */
        if (reading->piece.is_bad || row < first || row >= behind)
            break;
        if (has_metrics) {
            struct row read;
            if (!read_row(reading, row, &read))
                break;
            if (!holds(selection->metrics, selection->metrics_count, read.metric))
                continue;
        }
        if (!add_row(rows, row))
            return false;
        added++;
    }
    if (reading->piece.is_bad && !reading->has_failed) {
        uint64_t bytes = piece_bytes(&reading->order);
        fail(reading, reading->order.offset + reading->piece.place * bytes, bytes, reading->piece.error);
    }
    return true;
}

/* The rows of the selection's profiles, or of its metrics, from which the part's first ones are to be taken, in the
   page's order. False without memory. */
static bool rows_of_numbers(struct reading *reading, const struct selection *selection, uint64_t account,
                            uint64_t first, uint64_t behind, struct rows *rows)
{
    int order = selection->profiles != NULL ? PROFILE : METRIC;
    const uint32_t *numbers = order == PROFILE ? selection->profiles : selection->metrics;
    uint64_t count = order == PROFILE ? selection->profiles_count : selection->metrics_count, added = 0;
    rows->count = 0;
    reading->order = reading->part->orders[order];
    reading->order.file = reading->file;
    for (uint64_t at = 0; at < count && first < behind && !reading->has_failed; at++) {
        uint64_t before = rows->count;
        if (!add_number(reading, selection, account, order, numbers[at], first, behind, rows))
            return false;
        added += rows->count > before;
    }
    /* Those of one number are in order. */
    if (added > 1)
        qsort(rows->rows, rows->count, sizeof *rows->rows,
              selection->descending ? compare_rows_descending : compare_rows);
    return true;
}

/* Whether a row of another part comes before the ``other`` in the selection's order. */
static bool comes_before(const struct row *row, const struct row *other, bool descending)
{
    if (row->time == other->time && row->id == other->id)
        return descending ? row->part > other->part : row->part < other->part;
    return descending != is_before(row->time, row->id, other->time, other->id);
}

/* Puts the rows of a part, its first ``count`` at most, among those that were found, in the selection's order. ``rows``
   is NULL for all from ``first`` to ``behind``. Returns how many there are then; ``found`` and ``made`` have changed
   places. */
static uint64_t merge_rows(struct reading *reading, const struct selection *selection, const struct rows *rows,
                           uint64_t first, uint64_t behind, struct row **found, uint64_t count, struct row **made)
{
    uint64_t left = rows != NULL ? rows->count : behind - first, taken = 0, used = 0, written = 0;
    struct row next;
    bool has_next = false;
    while (written < selection->count && !reading->has_failed) {
        if (!has_next && taken < left) {
            uint64_t row = selection->descending ? behind - 1 - taken : first + taken;
            if (!read_row(reading, rows != NULL ? rows->rows[taken] : row, &next))
                break;
            taken++;
            has_next = true;
        }
        if (!has_next && used == count)
            break;
        bool is_next = has_next && (used == count || comes_before(&next, *found + used, selection->descending));
        (*made)[written++] = is_next ? next : (*found)[used++];
        has_next &= !is_next;
    }
    struct row *other = *found;
    *found = *made;
    *made = other;
    return written;
}

/* A part with rows that may be in the page: the time that none of them comes before in the page's order. */
struct candidate {
    int64_t edge;
    uint64_t account, first, behind;
    uint32_t part;
};

static bool is_nearer(const struct candidate *one, const struct candidate *other, bool descending)
{
    return descending ? one->edge > other->edge : one->edge < other->edge;
}

/* The candidates in the order in which they may have the page's first rows; returns how many. */
static size_t find_candidates(struct reading *reading, const struct part *const *parts, const int32_t *files,
                              size_t count, const struct selection *selection, uint8_t *buffer,
                              struct candidate *candidates)
{
    size_t found = 0;
    for (uint32_t place = 0; place < count; place++) {
        int64_t account = account_place(parts[place], selection->account);
        if (account == NO_PLACE)
            continue;
        struct candidate next = {0, (uint64_t)account, 0, 0, place};
        begin(reading, parts[place], place, files[place], buffer);
        find_bounds(reading, next.account, selection, &next.first, &next.behind);
        if (reading->has_failed)
            return 0;
        if (next.first == next.behind)
            continue;
        next.edge = edge_of(parts[place], next.account, next.first, next.behind, selection->descending);
        size_t at = found++;
        for (; at > 0 && is_nearer(&next, candidates + at - 1, selection->descending); at--)
            candidates[at] = candidates[at - 1];
        candidates[at] = next;
    }
    return found;
}

/* Leaves out the part's rows that come behind the last one of a full page. */
static void narrow(struct reading *reading, const struct selection *selection, const struct row *last,
                   struct candidate *candidate)
{
    struct place place = {last->time, last->id, !selection->descending};
    uint64_t bound = first_behind(reading, candidate->account, place);
    if (selection->descending)
        candidate->first = smaller(candidate->behind, larger(candidate->first, bound));
    else
        candidate->behind = larger(candidate->first, smaller(candidate->behind, bound));
}

/* Writes the rows of a page, in its order, into ``page``, which has room for ``selection->count``. Returns how many
   there are; -1 if a piece can't be used (``bad`` says which), -2 without memory. */
EXPORTED int64_t eventkeep_select(const struct part *const *parts, const int32_t *files, size_t count,
                                  const struct selection *selection, struct row *page, struct bad_piece *bad)
{
    size_t bytes = 0;
    for (size_t place = 0; place < count; place++)
        bytes = buffer_bytes(parts[place]) > bytes ? buffer_bytes(parts[place]) : bytes;
    struct reading reading = {.bad = bad};
    struct rows rows = {0};
    uint8_t *buffer = malloc(bytes + 1);
    struct candidate *candidates = malloc((count + 1) * sizeof *candidates);
    struct row *other = malloc((selection->count + 1) * sizeof *other), *found = page, *made = other;
    bool has_numbers = selection->profiles != NULL || selection->metrics != NULL;
    int64_t written = buffer && candidates && other ? 0 : -2;
    size_t near = written ? 0 : find_candidates(&reading, parts, files, count, selection, buffer, candidates);
    for (size_t at = 0; at < near && !reading.has_failed; at++) {
        struct candidate *next = candidates + at;
        const struct row *last = written && (uint64_t)written == selection->count ? found + written - 1 : NULL;
        /* No row of this part, nor of those behind it, comes before the last of the page. */
        if (last != NULL && (selection->descending ? next->edge < last->time : next->edge > last->time))
            break;
        begin(&reading, parts[next->part], next->part, files[next->part], buffer);
        if (last != NULL && has_numbers)
            narrow(&reading, selection, last, next);
        if (has_numbers && !rows_of_numbers(&reading, selection, next->account, next->first, next->behind, &rows)) {
            written = -2;
            break;
        }
        if (!reading.has_failed)
            written = (int64_t)merge_rows(&reading, selection, has_numbers ? &rows : NULL, next->first, next->behind,
                                          &found, (uint64_t)written, &made);
    }
    if (reading.has_failed)
        written = -1;
    if (written > 0 && found != page)
        memcpy(page, found, (size_t)written * sizeof *page);
    free(buffer);
    free(candidates);
    free(other);
    free(rows.rows);
    return written;
}

/* Writes the row of one event. Returns 1; 0 if there is none, -1 if a piece can't be used, -2 without memory. */
EXPORTED int64_t eventkeep_find_event(const struct part *const *parts, const int32_t *files, size_t count,
                                      uint32_t account, int64_t time, uint64_t id, struct row *row,
                                      struct bad_piece *bad)
{
    struct reading reading = {.bad = bad};
    for (uint32_t place = 0; place < count; place++) {
        const struct part *part = parts[place];
        int64_t own = account_place(part, account);
        if (own == NO_PLACE)
            continue;
        uint64_t start = (uint64_t)part->starts[own], end = (uint64_t)part->starts[own + 1];
        if (time < edge_of(part, (uint64_t)own, start, end, false) ||
            time > edge_of(part, (uint64_t)own, start, end, true))
            continue;
        uint8_t *buffer = malloc(buffer_bytes(part) + 1);
        if (buffer == NULL)
            return -2;
        begin(&reading, part, place, files[place], buffer);
        uint64_t at = first_behind(&reading, (uint64_t)own, (struct place){time, id, false});
        bool is_found = !reading.has_failed && at < end && read_row(&reading, at, row);
        free(buffer);
        if (reading.has_failed)
            return -1;
        if (is_found && row->time == time && row->id == id)
            return 1;
    }
    return 0;
}
