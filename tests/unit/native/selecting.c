/* Finds random pages and events in random parts of an event store; built with sanitizers, which end it at the first
   wrong access.

   selecting SEED ROUNDS: everything has just the bytes that it takes. A page has to be what sorting all rows gives. In
   half of the rounds a file is damaged: it is cut off, changed or closed, or its content is wrong with the right
   checksum. Then the piece that is named has to be damaged, or else the page has to be right; wrong content alone may
   give wrong rows. In some rounds memory runs out. */

#include <stdlib.h>

#include "rounds.h"

/* How many allocations succeed before the one that does not. */
static uint64_t allocations_left = UINT64_MAX;

static void *scarce_realloc(void *old, size_t size)
{
    return allocations_left-- ? realloc(old, size) : NULL;
}

#define malloc(size) scarce_realloc(NULL, size)
#define realloc scarce_realloc
#include "select.c"
#undef malloc
#undef realloc

enum { PARTS_MAX = 5, ROWS_MAX = 40, ROW_TIMES = 6, ROW_IDS = 4, NUMBERS = 6, CURRENCIES = 3, DOCUMENT_FILES = 3 };
enum { GROUP_ROWS_MAX = 8, ENTRIES_MAX = 8, GAP_MAX = 20, CHANGES_MAX = 20, KEPT_MAX = 1024, SECONDS_AROUND = 2 };

enum { ACCOUNTS_COUNT = 4 };
static const uint32_t ACCOUNTS[ACCOUNTS_COUNT] = {0, 7, 8, UINT32_MAX};
/* The outermost ones are those at which a second more or less does not fit. */
static const int64_t FIRST_TIMES[] = {1700000000, 0, -3, INT64_MIN, INT64_MAX - ROW_TIMES + 1};
/* NUMBERS numbers that are multiples of one of these, from 0 on, fill 1, 2 or 4 bytes. */
static const uint32_t SCALES[] = {1, UINT8_MAX / (NUMBERS - 1), UINT16_MAX / (NUMBERS - 1), UINT32_MAX / (NUMBERS - 1)};

/* What is wrong with a file. */
enum damage { NONE, CHANGED, CUT_OFF, FORGED, CLOSED, DAMAGES };

struct sample {
    struct row row;
    uint32_t account;
};

/* The parts of a round, all their rows, and the part that is damaged. The file has bytes up to ``end``. */
struct store {
    struct part **parts;
    int32_t *files;
    uint32_t count, victim;
    struct sample samples[PARTS_MAX * ROWS_MAX];
    size_t samples_count;
    int64_t first_time;
    uint32_t scale;
    uint64_t end;
    enum damage damage;
};

static int file;
static void *kept[KEPT_MAX];
static size_t kept_count;

/* Memory of just this size, until the round ends. */
static void *exactly(size_t size)
{
    must(kept_count < KEPT_MAX);
    return kept[kept_count++] = calloc(size, 1);
}

static void *copied_exactly(const void *from, size_t size)
{
    return memcpy(exactly(size), from, size);
}

static void free_kept(void)
{
    while (kept_count)
        free(kept[--kept_count]);
}

static uint32_t random_width(uint32_t number_max)
{
    uint32_t least = number_max <= UINT8_MAX ? 0 : number_max <= UINT16_MAX ? 1 : 2;
    return 1u << (least + chance(3 - least));
}

static uint64_t random_id(void)
{
    return chance(4) ? chance(ROW_IDS) + 1 : chance(2) ? 0 : UINT64_MAX;
}

/* A time near those of the rows, or one of the outermost. */
static int64_t random_time(const struct store *store)
{
    if (chance(10) == 0)
        return chance(2) ? INT64_MIN : INT64_MAX;
    int64_t time, other = (int64_t)chance(ROW_TIMES + 2 * SECONDS_AROUND) - SECONDS_AROUND;
    if (chance(20) == 0)
        other += UINT32_MAX;
    return __builtin_add_overflow(store->first_time, other, &time) ? store->first_time : time;
}

static int compare_samples(const void *one, const void *other)
{
    const struct sample *first = one, *second = other;
    if (first->account != second->account)
        return first->account < second->account ? -1 : 1;
    if (first->row.time != second->row.time || first->row.id != second->row.id)
        return is_before(first->row.time, first->row.id, second->row.time, second->row.id) ? -1 : 1;
    return 0;
}

/* Rows of one to three accounts, sorted. */
static size_t random_samples(struct store *store, uint32_t place, bool is_file)
{
    struct sample *samples = store->samples + store->samples_count;
    size_t count = chance(ROWS_MAX), accounts = chance(3) + 1, first_account = chance(2);
    for (size_t at = 0; at < count; at++) {
        struct row *row = &samples[at].row;
        samples[at].account = ACCOUNTS[first_account + chance(accounts)];
        row->time = store->first_time + (int64_t)chance(ROW_TIMES);
        if (chance(20) == 0 && store->first_time < INT64_MAX / 2)
            row->time = store->first_time + UINT32_MAX - SECONDS_AROUND - (int64_t)chance(2);
        row->id = random_id();
        fill((uint8_t *)&row->value, sizeof row->value);
        row->profile = store->scale * (uint32_t)chance(NUMBERS);
        row->metric = store->scale * (uint32_t)chance(NUMBERS);
        row->currency = chance(CURRENCIES);
        row->file = is_file ? (uint32_t)chance(DOCUMENT_FILES) : 0;
        row->slot = is_file ? (uint32_t)chance(UINT32_MAX) : 0;
        row->part = place;
    }
    qsort(samples, count, sizeof *samples, compare_samples);
    for (size_t at = 0; at < count; at++)
        samples[at].row.row = (uint32_t)at;
    store->samples_count += count;
    return count;
}

/* The accounts with rows; at times others too. */
static void add_accounts(struct part *part, const struct sample *samples, size_t count)
{
    uint32_t accounts[ACCOUNTS_COUNT];
    int64_t starts[ACCOUNTS_COUNT + 1];
    size_t end = 0;
    for (size_t place = 0; place < ACCOUNTS_COUNT; place++) {
        size_t start = end;
        while (end < count && samples[end].account == ACCOUNTS[place])
            end++;
        if (start < end || chance(20) == 0) {
            starts[part->accounts_count] = (int64_t)start;
            accounts[part->accounts_count++] = ACCOUNTS[place];
        }
    }
    must(end == count);
    starts[part->accounts_count] = (int64_t)count;
    part->accounts = copied_exactly(accounts, part->accounts_count * sizeof *accounts);
    part->starts = copied_exactly(starts, (part->accounts_count + 1) * sizeof *starts);
}

static uint32_t number_of(const struct row *row, int order)
{
    return order == PROFILE ? row->profile : row->metric;
}

/* The numbers and the rows of an order, by account, number and row. */
static void sort_order(const struct sample *samples, size_t count, int order, uint32_t *numbers, int64_t *rows)
{
    for (size_t at = 0; at < count; at++) {
        size_t place = 0;
        for (size_t other = 0; other < count; other++) {
            uint32_t own = number_of(&samples[at].row, order), others = number_of(&samples[other].row, order);
            bool is_same = samples[other].account == samples[at].account;
            place += samples[other].account < samples[at].account || (is_same && others < own) ||
                     (is_same && others == own && other < at);
        }
        numbers[place] = number_of(&samples[at].row, order);
        rows[place] = (int64_t)at;
    }
}

/* Only the order that the selection needs is there. */
static void be_memory(struct part *part, const struct sample *samples, size_t count, int order)
{
    int64_t *times = exactly(count * sizeof *times), *rows = exactly(count * sizeof *rows);
    uint64_t *ids = exactly(count * sizeof *ids), *currencies = exactly(count * sizeof *currencies);
    uint32_t *profiles = exactly(count * sizeof *profiles), *metrics = exactly(count * sizeof *metrics);
    uint32_t *numbers = exactly(count * sizeof *numbers);
    double *values = exactly(count * sizeof *values);
    for (size_t at = 0; at < count; at++) {
        const struct row *row = &samples[at].row;
        times[at] = row->time, ids[at] = row->id, currencies[at] = row->currency;
        profiles[at] = row->profile, metrics[at] = row->metric, values[at] = row->value;
    }
    part->times = times, part->ids = ids, part->currency_codes = currencies;
    part->profiles = profiles, part->metrics = metrics, part->values = values;
    if (order < ORDERS) {
        sort_order(samples, count, order, numbers, rows);
        part->numbers[order] = numbers, part->rows[order] = rows;
    }
}

/* Puts pieces at the file's end, and returns where; if they are forged, some with other bytes. */
static uint64_t put_pieces(struct store *store, uint8_t *content, size_t count, size_t bytes, bool is_forged,
                           uint64_t *checksums)
{
    uint64_t start = store->end + chance(GAP_MAX);
    for (size_t piece = 0; piece < count; piece++) {
        uint8_t *own = content + piece * bytes;
        if (is_forged && chance(2))
            fill(own, bytes);
        for (uint64_t change = is_forged ? chance(CHANGES_MAX) : 0; change > 0; change--)
            own[chance(bytes)] = (uint8_t)(chance(3) ? chance(NUMBERS) : UINT8_MAX - chance(2));
        checksums[piece] = xxh3_64(own, bytes);
    }
    must(pwrite(file, content, count * bytes, (off_t)start) == (ssize_t)(count * bytes));
    store->end = start + count * bytes;
    return start;
}

/* Puts the number into its row of a column; the next column follows. */
static void put(uint8_t **column, size_t group_rows, uint32_t width, size_t at, uint64_t number)
{
    memcpy(*column + at * width, &number, width);
    *column += group_rows * width;
}

static void put_groups(struct store *store, struct part *part, const struct sample *samples, size_t count,
                       bool is_forged)
{
    size_t size = part->group_rows, groups = (count + size - 1) / size, bytes = row_bytes(part) * size;
    uint64_t *checksums = exactly(groups * sizeof *checksums), *fence_ids = exactly(groups * sizeof *fence_ids);
    uint32_t *fence_times = exactly(groups * sizeof *fence_times);
    uint8_t *content = exactly(groups * bytes);
    for (size_t row = 0; row < count; row++) {
        const struct row *own = &samples[row].row;
        uint8_t *column = content + row / size * bytes;
        uint64_t value, offset = (uint64_t)own->time - (uint64_t)part->time_base;
        memcpy(&value, &own->value, sizeof value);
        size_t at = row % size;
        put(&column, size, 8, at, own->id);
        put(&column, size, 8, at, chance(UINT64_MAX));
        put(&column, size, 8, at, value);
        put(&column, size, 4, at, offset);
        put(&column, size, 4, at, own->profile);
        put(&column, size, 4, at, own->slot);
        put(&column, size, part->metric_width, at, own->metric);
        put(&column, size, part->position_width, at, chance(UINT64_MAX));
        put(&column, size, part->file_width, at, own->file);
        put(&column, size, part->currency_width, at, own->currency);
        if (at == 0)
            fence_times[row / size] = (uint32_t)offset, fence_ids[row / size] = own->id;
    }
    part->groups_offset = put_pieces(store, content, groups, bytes, is_forged, checksums);
    if (is_forged && chance(2)) {
        fill((uint8_t *)fence_times, groups * sizeof *fence_times);
        fill((uint8_t *)fence_ids, groups * sizeof *fence_ids);
    }
    part->checksums = checksums, part->fence_times = fence_times, part->fence_ids = fence_ids;
}

static void put_order(struct store *store, struct order *order, int place, const struct sample *samples, size_t count,
                      bool is_forged)
{
    size_t size = order->entries, pieces = (count + size - 1) / size, bytes = size * (4 + order->width);
    uint32_t *numbers = exactly(count * sizeof *numbers), *fences = exactly(pieces * sizeof *fences);
    int64_t *rows = exactly(count * sizeof *rows);
    uint64_t *checksums = exactly(pieces * sizeof *checksums);
    uint8_t *content = exactly(pieces * bytes);
    sort_order(samples, count, place, numbers, rows);
    for (size_t entry = 0; entry < count; entry++) {
        uint8_t *piece = content + entry / size * bytes;
        memcpy(piece + entry % size * 4, rows + entry, 4);
        memcpy(piece + size * 4 + entry % size * order->width, numbers + entry, order->width);
        if (entry % size == 0)
            fences[entry / size] = numbers[entry];
    }
    order->offset = put_pieces(store, content, pieces, bytes, is_forged, checksums);
    if (is_forged && chance(2))
        fill((uint8_t *)fences, pieces * sizeof *fences);
    order->checksums = checksums, order->fences = fences, order->file = -1;
}

static void be_file(struct store *store, struct part *part, const struct sample *samples, size_t count, bool is_forged)
{
    uint32_t entries = (uint32_t)chance(ENTRIES_MAX) + 1, number_max = store->scale * (NUMBERS - 1);
    size_t times_bytes = part->accounts_count * sizeof(uint32_t);
    uint32_t *oldest = exactly(times_bytes), *newest = exactly(times_bytes);
    uint64_t *currencies = exactly(CURRENCIES * sizeof *currencies);
    part->is_file = 1;
    part->time_base = store->first_time - (store->first_time == INT64_MIN ? 0 : (int64_t)chance(SECONDS_AROUND + 1));
    part->group_rows = (uint32_t)chance(GROUP_ROWS_MAX) + 1;
    part->metric_width = random_width(number_max), part->position_width = random_width(0);
    part->file_width = random_width(DOCUMENT_FILES), part->currency_width = random_width(CURRENCIES);
    part->currencies_count = CURRENCIES;
    for (uint32_t currency = 0; currency < CURRENCIES; currency++)
        currencies[currency] = currency;
    part->currencies = currencies;
    for (size_t account = 0; account < part->accounts_count; account++) {
        if (part->starts[account] == part->starts[account + 1])
            continue;
        uint64_t first = (uint64_t)samples[part->starts[account]].row.time;
        uint64_t last = (uint64_t)samples[part->starts[account + 1] - 1].row.time;
        oldest[account] = (uint32_t)(first - (uint64_t)part->time_base);
        newest[account] = (uint32_t)(last - (uint64_t)part->time_base);
    }
    if (is_forged && chance(4) == 0)
        fill((uint8_t *)oldest, times_bytes), fill((uint8_t *)newest, times_bytes);
    part->oldest = oldest, part->newest = newest;
    put_groups(store, part, samples, count, is_forged);
    for (int order = 0; order < ORDERS; order++) {
        part->orders[order].entries = entries;
        part->orders[order].width = random_width(number_max);
        put_order(store, part->orders + order, order, samples, count, is_forged);
    }
}

/* Damage to one of the parts in half of the rounds, if it is a file. Memory has the given order alone. */
static void fill_store(struct store *store, int order)
{
    uint64_t damaged = 0, damaged_end = 0;
    store->count = (uint32_t)chance(PARTS_MAX + 1);
    store->victim = (uint32_t)chance(store->count + 1);
    store->damage = chance(2) ? NONE : (enum damage)chance(DAMAGES);
    store->parts = exactly(store->count * sizeof *store->parts);
    store->files = exactly(store->count * sizeof *store->files);
    must(ftruncate(file, 0) == 0);
    for (uint32_t place = 0; place < store->count; place++) {
        struct part *part = store->parts[place] = exactly(sizeof *part);
        const struct sample *samples = store->samples + store->samples_count;
        bool is_file = chance(3), is_victim = is_file && place == store->victim;
        size_t count = random_samples(store, place, is_file);
        add_accounts(part, samples, count);
        store->files[place] = is_file && !(is_victim && store->damage == CLOSED) ? file : -1;
        if (is_victim)
            damaged = store->end;
        if (is_file)
            be_file(store, part, samples, count, is_victim && store->damage == FORGED);
        else
            be_memory(part, samples, count, order);
        if (is_victim)
            damaged_end = store->end;
    }
    if (damaged == damaged_end)
        store->damage = NONE;
    if (store->damage == CUT_OFF)
        must(ftruncate(file, (off_t)(damaged + chance(damaged_end - damaged))) == 0);
    for (uint64_t left = store->damage == CHANGED ? chance(CHANGES_MAX) + 1 : 0; left > 0; left--) {
        /* Behind the last piece there is no byte. */
        uint8_t byte = 0, change = (uint8_t)(chance(UINT8_MAX) + 1);
        off_t place = (off_t)(damaged + chance(damaged_end - damaged));
        must(pread(file, &byte, 1, place) >= 0);
        byte ^= change;
        must(pwrite(file, &byte, 1, place) == 1);
    }
}

/* Numbers that rows have and others, ascending; empty at times. */
static const uint32_t *random_set(const struct store *store, uint64_t *count)
{
    uint32_t numbers[2 * NUMBERS];
    *count = 0;
    uint64_t one_of = chance(5);
    for (uint32_t number = 0; number < NUMBERS; number++) {
        if (one_of && chance(one_of) == 0)
            numbers[(*count)++] = store->scale * number;
        if (store->scale > 1 && number < NUMBERS - 1 && chance(6) == 0)
            numbers[(*count)++] = store->scale * number + 1;
    }
    return copied_exactly(numbers, *count * sizeof *numbers);
}

static struct selection random_selection(const struct store *store)
{
    struct selection selection = {.account = ACCOUNTS[chance(ACCOUNTS_COUNT)], .descending = chance(2)};
    selection.has_min = chance(3) == 0, selection.time_min = random_time(store);
    selection.has_max = chance(3) == 0, selection.time_max = random_time(store);
    selection.has_after = chance(2) == 0, selection.after_time = random_time(store), selection.after_id = random_id();
    if (chance(2) && store->samples_count) {
        const struct row *row = &store->samples[chance(store->samples_count)].row;
        selection.after_time = row->time, selection.after_id = row->id;
    }
    selection.count = 1 + chance(chance(2) ? store->samples_count + 3 : 8);
    return selection;
}

static bool is_selected(const struct sample *sample, const struct selection *selection)
{
    const struct row *row = &sample->row;
    bool is_behind = selection->descending
                         ? is_before(row->time, row->id, selection->after_time, selection->after_id)
                         : is_before(selection->after_time, selection->after_id, row->time, row->id);
    bool is_in[2] = {selection->profiles == NULL, selection->metrics == NULL};
    for (uint64_t at = 0; at < selection->profiles_count; at++)
        is_in[PROFILE] |= selection->profiles[at] == row->profile;
    for (uint64_t at = 0; at < selection->metrics_count; at++)
        is_in[METRIC] |= selection->metrics[at] == row->metric;
    return sample->account == selection->account && (!selection->has_min || row->time >= selection->time_min) &&
           (!selection->has_max || row->time <= selection->time_max) && (!selection->has_after || is_behind) &&
           is_in[PROFILE] && is_in[METRIC];
}

/* Ties are in the order of parts, and of rows in them. */
static int compare_in_order(const void *one, const void *other)
{
    const struct row *first = one, *second = other;
    if (first->time != second->time || first->id != second->id)
        return is_before(first->time, first->id, second->time, second->id) ? -1 : 1;
    if (first->part != second->part)
        return first->part < second->part ? -1 : 1;
    return first->row < second->row ? -1 : 1;
}

static int compare_in_reverse(const void *one, const void *other)
{
    return compare_in_order(other, one);
}

/* The page, by sorting all rows that are selected. */
static size_t sorted_page(const struct store *store, const struct selection *selection, struct row *page)
{
    size_t count = 0;
    for (size_t at = 0; at < store->samples_count; at++) {
        if (is_selected(store->samples + at, selection))
            page[count++] = store->samples[at].row;
    }
    qsort(page, count, sizeof *page, selection->descending ? compare_in_reverse : compare_in_order);
    return count < selection->count ? count : selection->count;
}

/* Whether these bytes have other ones than their checksum says. */
static bool is_bad(const struct bad_piece *bad, uint64_t offset, uint64_t size, uint64_t checksum)
{
    if (bad->offset != offset || bad->size != size)
        return false;
    uint8_t *content = exactly(size);
    return pread(file, content, size, (off_t)offset) != (ssize_t)size || xxh3_64(content, size) != checksum;
}

/* The piece has to be one of the part's, and to be damaged. */
static void check_bad_piece(const struct store *store, const struct bad_piece *bad)
{
    must(store->damage != NONE && bad->part < store->count && store->parts[bad->part]->is_file);
    must(bad->part == store->victim || store->damage == CUT_OFF);
    must(bad->error == (store->damage == CLOSED ? EBADF : 0));
    const struct part *part = store->parts[bad->part];
    size_t count = (size_t)part->starts[part->accounts_count], bytes = row_bytes(part) * part->group_rows, damaged = 0;
    for (size_t group = 0; group * part->group_rows < count; group++) {
        uint64_t offset = part->groups_offset + group * bytes;
        /* A forged group may name a currency that is not there. */
        bool is_it = bad->offset == offset && bad->size == bytes;
        bool may_be = store->damage == CLOSED || store->damage == FORGED;
        damaged += (may_be && is_it) || is_bad(bad, offset, bytes, part->checksums[group]);
    }
    for (int order = 0; order < ORDERS; order++) {
        const struct order *own = part->orders + order;
        uint64_t own_bytes = own->entries * (4 + own->width);
        for (size_t piece = 0; piece * own->entries < count; piece++) {
            uint64_t offset = own->offset + piece * own_bytes;
            bool may_be = store->damage == CLOSED && bad->offset == offset && bad->size == own_bytes;
            damaged += may_be || is_bad(bad, offset, own_bytes, own->checksums[piece]);
        }
    }
    must(damaged == 1);
}

/* In some of the rounds one of the next allocations fails. */
static bool make_memory_scarce(void)
{
    allocations_left = chance(8) ? UINT64_MAX : chance(6);
    return allocations_left < UINT64_MAX;
}

static bool select_random_page(const struct store *store, const struct selection *selection)
{
    struct row *page = exactly(selection->count * sizeof *page);
    struct row *expected = exactly(store->samples_count * sizeof *page);
    struct bad_piece bad = {0};
    const struct part *const *parts = (const struct part *const *)store->parts;
    bool is_scarce = make_memory_scarce();
    int64_t found = eventkeep_select(parts, store->files, store->count, selection, page, &bad);
    allocations_left = UINT64_MAX;
    if (found == -2)
        must(is_scarce);
    else if (found == -1)
        check_bad_piece(store, &bad);
    else if (store->damage == FORGED)
        must(found >= 0 && (uint64_t)found <= selection->count);
    else {
        must(found == (int64_t)sorted_page(store, selection, expected));
        must(memcmp(page, expected, (size_t)found * sizeof *page) == 0);
    }
    return found >= 0;
}

/* Half of the events are there. */
static bool find_random_event(const struct store *store)
{
    struct sample wanted = {{.time = random_time(store), .id = random_id()}, ACCOUNTS[chance(ACCOUNTS_COUNT)]};
    if (chance(2) && store->samples_count)
        wanted = store->samples[chance(store->samples_count)];
    const struct sample *first = NULL;
    for (size_t at = store->samples_count; at-- > 0;) {
        if (compare_samples(store->samples + at, &wanted) == 0)
            first = store->samples + at;
    }
    struct row *row = exactly(sizeof *row);
    struct bad_piece bad = {0};
    const struct part *const *parts = (const struct part *const *)store->parts;
    bool is_scarce = make_memory_scarce();
    int64_t found = eventkeep_find_event(parts, store->files, store->count, wanted.account, wanted.row.time,
                                         wanted.row.id, row, &bad);
    allocations_left = UINT64_MAX;
    if (found == -2)
        must(is_scarce);
    else if (found == -1)
        check_bad_piece(store, &bad);
    else if (store->damage != FORGED)
        must(found == (first != NULL) && (!first || memcmp(row, &first->row, sizeof *row) == 0));
    return found >= 0;
}

static bool do_one(void)
{
    struct store store = {.first_time = FIRST_TIMES[chance(5)], .scale = SCALES[chance(4)]};
    bool has_profiles = chance(3) == 0, has_metrics = chance(3) == 0;
    fill_store(&store, has_profiles ? PROFILE : has_metrics ? METRIC : ORDERS);
    struct selection selection = random_selection(&store);
    if (has_profiles)
        selection.profiles = random_set(&store, &selection.profiles_count);
    if (has_metrics)
        selection.metrics = random_set(&store, &selection.metrics_count);
    bool is_good = select_random_page(&store, &selection) & find_random_event(&store);
    free_kept();
    return is_good;
}

int main(int count, char **arguments)
{
    FILE *temporary = tmpfile();
    must(temporary != NULL);
    file = fileno(temporary);
    return count_rounds(count, arguments, do_one);
}
