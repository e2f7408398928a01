/* Pieces of the event store's files, read and verified: those of orders are searched. The layout is told in
   docs/segment-format.md. */

#ifndef EVENTKEEP_PIECES_H
#define EVENTKEEP_PIECES_H

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "xxh3_long.h"

/* Reads up to ``size`` bytes; returns how many there were, or -1 with errno set. */
static inline ssize_t read_whole(int file, uint8_t *out, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file, out + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* An order of a segment: its pieces hold the rows of ``entries`` entries and then their numbers, of ``width`` bytes
   each; a fence is the first number of a piece. */
struct order {
    uint64_t offset;
    const uint64_t *checksums;
    const uint32_t *fences;
    int32_t file;
    uint32_t entries, width;
};

/* The piece of an order that was read last, and whether it could be read. */
struct order_piece {
    const struct order *order;
    uint64_t place;
    uint8_t *content;
    int32_t error;
    bool is_bad;
};

/* Reads and verifies the piece unless it is there; returns its content, which must not be used if the piece is bad. */
static inline const uint8_t *piece_at(struct order_piece *piece, uint64_t place)
{
    const struct order *order = piece->order;
    if (piece->place == place || piece->is_bad)
        return piece->content;
    size_t bytes = (size_t)order->entries * (4 + order->width);
    ssize_t got = read_whole(order->file, piece->content, bytes, order->offset + place * bytes);
    piece->error = got < 0 ? errno : 0;
    piece->place = place;
    piece->is_bad = got != (ssize_t)bytes || xxh3_64(piece->content, bytes) != order->checksums[place];
    return piece->content;
}

static inline uint32_t row_at(struct order_piece *piece, uint64_t entry)
{
    uint32_t row, size = piece->order->entries;
    memcpy(&row, piece_at(piece, entry / size) + entry % size * 4, 4);
    return row;
}

static inline uint32_t number_at(struct order_piece *piece, uint64_t entry)
{
    uint32_t number = 0, size = piece->order->entries, width = piece->order->width;
    memcpy(&number, piece_at(piece, entry / size) + (size_t)size * 4 + entry % size * width, width);
    return number;
}

/* The first of the entries from ``start`` to ``end``, whose numbers ascend, that is not before ``number``; if
   ``behind``, the first that is behind it. The fences say in which piece it is. */
static inline uint64_t find_number(struct order_piece *piece, uint64_t start, uint64_t end, uint32_t number, bool behind)
{
    const struct order *order = piece->order;
    uint64_t size = order->entries, low = (start + size - 1) / size, high = (end + size - 1) / size;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        uint32_t fence = order->fences[middle];
        if (fence < number || (behind && fence == number))
            low = middle + 1;
        else
            high = middle;
    }
    uint64_t place = low && low - 1 >= start / size ? low - 1 : start / size;
    low = start > place * size ? start : place * size;
    high = end < (place + 1) * size ? end : (place + 1) * size;
    while (low < high && !piece->is_bad) {
        uint64_t middle = (low + high) / 2;
        uint32_t other = number_at(piece, middle);
        if (other < number || (behind && other == number))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first of the entries from ``start`` to ``end``, whose rows ascend, that is not before ``row``. */
static inline uint64_t find_row(struct order_piece *piece, uint64_t start, uint64_t end, uint32_t row)
{
    while (start < end && !piece->is_bad) {
        uint64_t middle = (start + end) / 2;
        if (row_at(piece, middle) < row)
            start = middle + 1;
        else
            end = middle;
    }
    return start;
}

#endif
