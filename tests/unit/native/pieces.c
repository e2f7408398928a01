/* Reads pieces, orders and rows of random files, and cuts documents out of random blocks; built with sanitizers, which
   end it at the first wrong access.

   pieces SEED ROUNDS: everything has just the bytes that it takes. In most rounds something is damaged: the file is
   cut off or changed, or its content is wrong with the right checksum. What is not damaged has to come out as it went
   in. */

#include "segments.c"

#include "rounds.h"

#include <fcntl.h>

enum { CONTENT_MAX = 2048, PIECES_MAX = 12, ENTRIES_MAX = 12, DOCUMENTS_MAX = 9, TEXT_MAX = 40, CUTS_MAX = 12 };

/* What is wrong with a file. */
enum damage { NONE, CHANGED, CUT_OFF, FORGED, CLOSED, DAMAGES };

static int file;

/* Damage in half of the rounds. */
static enum damage random_damage(void)
{
    return chance(2) ? NONE : (enum damage)chance(DAMAGES);
}

/* Puts the content at ``start`` of the file, damaged. Returns the descriptor to read it by. */
static int32_t written(const uint8_t *content, size_t size, uint64_t start, enum damage damage)
{
    size_t kept = damage == CUT_OFF && size ? chance(size) : size;
    must(ftruncate(file, 0) == 0);
    must(pwrite(file, content, kept, (off_t)start) == (ssize_t)kept);
    if (damage == CHANGED && size) {
        uint64_t place = chance(size);
        uint8_t other = content[place] ^ (uint8_t)(chance(255) + 1);
        must(pwrite(file, &other, 1, (off_t)(start + place)) == 1);
    }
    return damage == CLOSED ? -1 : file;
}

static bool read_random_pieces(void)
{
    size_t size = chance(CONTENT_MAX) + 1, count = chance(PIECES_MAX), all = 0;
    uint64_t start = chance(100);
    enum damage damage = random_damage();
    uint8_t *content = malloc(size);
    int32_t *files = malloc(count * sizeof *files), error;
    uint64_t *offsets = malloc(count * sizeof *offsets), *checksums = malloc(count * sizeof *checksums);
    uint32_t *sizes = malloc(count * sizeof *sizes);
    fill(content, size);
    int32_t descriptor = written(content, size, start, damage);
    for (size_t at = 0, next = 0; at < count; at++) {
        /* Half of the pieces lie behind the one before, and are read with it. */
        size_t place = chance(2) && next < size ? next : chance(size);
        sizes[at] = (uint32_t)chance(size - place + 1);
        next = place + sizes[at];
        offsets[at] = start + place;
        files[at] = descriptor;
        checksums[at] = xxh3_64(content + place, sizes[at]) ^ (damage == FORGED && !chance(4));
        all += sizes[at];
    }
    uint8_t *out = malloc(all), *at = out;
    struct pieces pieces = {files, offsets, sizes, checksums, count};
    size_t good = eventkeep_read_pieces(&pieces, out, &error);
    must(good == count || damage != NONE);
    must((error != 0) == (damage == CLOSED && good < count));
    for (size_t piece = 0; piece < good; piece++) {
        must(damage == CLOSED || memcmp(at, content + (offsets[piece] - start), sizes[piece]) == 0);
        at += sizes[piece];
    }
    free(content), free(files), free(offsets), free(checksums), free(sizes), free(out);
    return good == count;
}

/* The entries of an order: numbers that ascend, and rows that ascend within a number. */
struct entries {
    uint32_t rows[ENTRIES_MAX * PIECES_MAX], numbers[ENTRIES_MAX * PIECES_MAX];
    size_t count;
};

static void fill_entries(struct entries *entries)
{
    entries->count = chance(ENTRIES_MAX * PIECES_MAX - ENTRIES_MAX) + 1;
    for (size_t at = 0; at < entries->count; at++) {
        bool is_next = at == 0 || !chance(3);
        entries->numbers[at] = at == 0 ? 0 : entries->numbers[at - 1] + is_next * (uint32_t)(1 + chance(2));
        entries->rows[at] = (uint32_t)chance(2) + (is_next ? 0 : entries->rows[at - 1] + 1);
    }
}

/* The entries of a number with rows in the range, found one by one. */
static void check_found(const struct entries *entries, const struct search *search, size_t at, uint64_t begin, uint64_t end)
{
    for (uint64_t place = search->start; place < search->end; place++) {
        bool is_narrowed = search->end_row < search->end, starts_later = search->first_row > search->start;
        bool is_in = entries->numbers[place] == search->numbers[at] &&
                     (!is_narrowed || entries->rows[place] < search->end_row) &&
                     (!starts_later || entries->rows[place] >= search->first_row);
        must(is_in == (begin <= place && place < end));
    }
}

static bool find_random_entries(void)
{
    struct entries entries;
    uint32_t size = (uint32_t)chance(ENTRIES_MAX) + 1, width = 1 << chance(3);
    fill_entries(&entries);
    width = entries.numbers[entries.count - 1] > UINT8_MAX && width == 1 ? 2 : width;
    enum damage damage = random_damage();
    size_t pieces = (entries.count + size - 1) / size, bytes = (size_t)size * (4 + width);
    uint8_t *content = calloc(pieces, bytes);
    uint64_t *checksums = malloc(pieces * sizeof *checksums), start = chance(100);
    uint32_t *fences = malloc(pieces * sizeof *fences);
    for (size_t at = 0; at < entries.count; at++) {
        uint8_t *piece = content + at / size * bytes;
        memcpy(piece + at % size * 4, &entries.rows[at], 4);
        memcpy(piece + (size_t)size * 4 + at % size * width, &entries.numbers[at], width);
    }
    for (size_t piece = 0; piece < pieces; piece++)
        fences[piece] = entries.numbers[piece * size];
    if (damage == FORGED) {
        fill(content, pieces * bytes);
        fill((uint8_t *)fences, pieces * sizeof *fences);
    }
    for (size_t piece = 0; piece < pieces; piece++)
        checksums[piece] = xxh3_64(content + piece * bytes, bytes);
    struct order order = {start, checksums, fences, written(content, pieces * bytes, start, damage), size, width};
    size_t count = chance(6);
    uint32_t *numbers = malloc(count * sizeof *numbers);
    for (size_t at = 0; at < count; at++)
        numbers[at] = (uint32_t)(chance(20) ? chance(2 * entries.count + 2) : chance(UINT32_MAX));
    struct search search = {.numbers = numbers, .count = count};
    search.start = chance(entries.count + 1);
    search.end = search.start + chance(entries.count - search.start + 1);
    search.first_row = (uint32_t)chance(entries.count + 2);
    search.end_row = (uint32_t)chance(entries.count + 2);
    uint8_t *piece = malloc(bytes);
    uint64_t *found = calloc(2 * count, sizeof *found), bad;
    int32_t error;
    bool is_good = eventkeep_find_entries(&order, &search, piece, found, &bad, &error);
    must(is_good || (bad < pieces && damage != NONE && damage != FORGED));
    must((error != 0) == (damage == CLOSED && !is_good));
    for (size_t at = 0; is_good && at < count; at++) {
        uint64_t begin = found[at], end = found[count + at];
        must(search.start <= begin && begin <= end && end <= search.end);
        if (damage == NONE)
            check_found(&entries, &search, at, begin, end);
    }
    free(content), free(checksums), free(fences), free(numbers), free(piece), free(found);
    return is_good;
}

static bool read_random_rows(void)
{
    uint32_t group_rows = (uint32_t)chance(ENTRIES_MAX) + 1, columns = (uint32_t)chance(4) + 1, widths[4];
    size_t groups = chance(PIECES_MAX) + 1, row_bytes = 0, count = 0;
    for (uint32_t column = 0; column < columns; column++)
        row_bytes += widths[column] = 1 << chance(4);
    enum damage damage = random_damage();
    size_t bytes = row_bytes * group_rows;
    uint8_t *content = malloc(groups * bytes);
    uint64_t *checksums = malloc(groups * sizeof *checksums), start = chance(100), bad;
    int64_t *wanted = malloc(groups * group_rows * sizeof *wanted);
    fill(content, groups * bytes);
    for (size_t group = 0; group < groups; group++)
        checksums[group] = xxh3_64(content + group * bytes, bytes) ^ (damage == FORGED && !chance(4));
    for (int64_t row = 0; row < (int64_t)(groups * group_rows); row++) {
        if (chance(3))
            wanted[count++] = row;
    }
    uint32_t *own_widths = malloc(columns * sizeof *own_widths);
    memcpy(own_widths, widths, columns * sizeof *own_widths);
    int64_t *own_rows = malloc(count * sizeof *own_rows);
    memcpy(own_rows, wanted, count * sizeof *own_rows);
    uint8_t *out = malloc(row_bytes * count), *group = malloc(bytes);
    int32_t error = 0, descriptor = written(content, groups * bytes, start, damage);
    struct rows rows = {start, checksums, own_rows, own_widths, count, descriptor, group_rows, columns};
    bool is_good = eventkeep_read_rows(&rows, group, out, &bad, &error);
    must(is_good || (bad < groups && damage != NONE));
    must((error != 0) == (damage == CLOSED && !is_good));
    const uint8_t *at = out;
    for (uint32_t column = 0, before = 0; is_good && column < columns; before += widths[column++]) {
        for (size_t row = 0; row < count; row++, at += widths[column]) {
            size_t place = (size_t)wanted[row];
            const uint8_t *own = content + place / group_rows * bytes + before * group_rows;
            must(memcmp(at, own + place % group_rows * widths[column], widths[column]) == 0);
        }
    }
    free(content), free(checksums), free(wanted), free(own_widths), free(own_rows), free(out), free(group);
    return is_good;
}

/* A copy that has just these bytes. */
static uint8_t *copied_exactly(const void *from, size_t size)
{
    uint8_t *copy = malloc(size);
    copied(copy, from, size);
    return copy;
}

/* Documents with random texts; the addresses, sizes and texts are freed by ``free_documents``. */
static struct documents random_documents(size_t count)
{
    uint8_t **texts[2];
    uint32_t *sizes[2];
    for (int kind = 0; kind < 2; kind++) {
        texts[kind] = malloc(count * sizeof **texts);
        sizes[kind] = malloc(count * sizeof **sizes);
        for (size_t at = 0; at < count; at++) {
            sizes[kind][at] = (uint32_t)chance(TEXT_MAX);
            texts[kind][at] = malloc(sizes[kind][at]);
            fill(texts[kind][at], sizes[kind][at]);
        }
    }
    return (struct documents){(const uint8_t *const *)texts[0], sizes[0], (const uint8_t *const *)texts[1], sizes[1], count};
}

static void free_documents(struct documents documents)
{
    for (size_t at = 0; at < documents.count; at++)
        free((void *)documents.unique_ids[at]), free((void *)documents.properties[at]);
    free((void *)documents.unique_ids), free((void *)documents.properties);
    free((void *)documents.unique_id_sizes), free((void *)documents.property_sizes);
}

/* Puts another count or size into a block, or cuts it off. Returns the bytes that are left. Some of the numbers are
   small again after they are multiplied in 32 bits. */
static size_t damaged_block(uint8_t *block, size_t size)
{
    if (chance(2))
        return chance(size);
    uint32_t number = (uint32_t)(chance(2) ? chance(300) : chance(8) << 29 | chance(chance(2) ? 20 : 1 << 29));
    memcpy(block + chance(size / SIZE_BYTES) * SIZE_BYTES, &number, SIZE_BYTES);
    return size;
}

static bool cut_random_documents(void)
{
    size_t count = chance(DOCUMENTS_MAX) + 1, all = 0, wanted = chance(CUTS_MAX);
    struct documents documents = random_documents(count);
    uint32_t *starts = malloc(3 * sizeof *starts);
    starts[0] = 0, starts[1] = (uint32_t)chance(count + 1), starts[2] = (uint32_t)count;
    size_t sizes[2] = {0, 0};
    for (size_t at = 0; at < count; at++)
        sizes[at >= starts[1]] += 2 * SIZE_BYTES + documents.unique_id_sizes[at] + documents.property_sizes[at];
    for (int block = 0; block < 2; block++)
        all += sizes[block] += SIZE_BYTES;
    uint8_t *packed = malloc(all);
    eventkeep_pack(&documents, starts, 2, packed);
    uint8_t *blocks[2] = {copied_exactly(packed, sizes[0]), copied_exactly(packed + sizes[0], sizes[1])};
    uint64_t block_sizes[2] = {sizes[0], sizes[1]};
    bool is_damaged = chance(2);
    if (is_damaged) {
        int block = (int)chance(2);
        uint8_t *whole = blocks[block];
        block_sizes[block] = damaged_block(whole, sizes[block]);
        blocks[block] = copied_exactly(whole, block_sizes[block]);
        free(whole);
    }
    uint32_t *block_of = malloc(wanted * sizeof *block_of), *measured[2];
    uint8_t *number_of = malloc(wanted), *out[2];
    bool is_there = true;
    for (size_t at = 0; at < wanted; at++) {
        uint32_t document = (uint32_t)chance(count);
        block_of[at] = document >= starts[1];
        number_of[at] = (uint8_t)(chance(20) ? document - starts[block_of[at]] : chance(256));
        is_there &= number_of[at] < starts[block_of[at] + 1] - starts[block_of[at]];
    }
    struct cut cut = {(const uint8_t *const *)blocks, block_sizes, block_of, number_of, wanted};
    for (int kind = 0; kind < 2; kind++)
        measured[kind] = malloc(wanted * sizeof **measured);
    bool is_good = eventkeep_measure(&cut, measured[0], measured[1]) == wanted;
    must(is_damaged || is_good == is_there);
    for (int kind = 0; is_good && kind < 2; kind++) {
        size_t bytes = 0;
        for (size_t at = 0; at < wanted; at++)
            bytes += measured[kind][at];
        out[kind] = malloc(bytes);
    }
    if (is_good) {
        eventkeep_cut(&cut, out[0], out[1]);
        const uint8_t *unique_id = out[0], *properties = out[1];
        for (size_t at = 0; !is_damaged && at < wanted; at++) {
            size_t document = starts[block_of[at]] + number_of[at];
            must(measured[0][at] == documents.unique_id_sizes[document]);
            must(measured[1][at] == documents.property_sizes[document]);
            must(memcmp(unique_id, documents.unique_ids[document], measured[0][at]) == 0);
            must(memcmp(properties, documents.properties[document], measured[1][at]) == 0);
            unique_id += measured[0][at], properties += measured[1][at];
        }
        free(out[0]), free(out[1]);
    }
    uint64_t *ids = calloc(count, sizeof *ids), checksum;
    fill((uint8_t *)ids, count * sizeof *ids);
    must(eventkeep_documents_sum(&documents, ids) == eventkeep_documents_sum(&documents, ids));
    uint32_t whole = (uint32_t)sizes[0];
    eventkeep_checksums(packed, &whole, 1, &checksum);
    must(checksum == xxh3_64(packed, sizes[0]));
    free_documents(documents);
    free(starts), free(packed), free(blocks[0]), free(blocks[1]), free(block_of), free(number_of), free(ids);
    free(measured[0]), free(measured[1]);
    return is_good;
}

static bool do_one(void)
{
    static bool (*const all[])(void) = {read_random_pieces, find_random_entries, read_random_rows, cut_random_documents};
    return all[chance(4)]();
}

int main(int count, char **arguments)
{
    FILE *temporary = tmpfile();
    must(temporary != NULL);
    file = fileno(temporary);
    return count_rounds(count, arguments, do_one);
}
