/* Times and values of events, in their usual forms. */

#ifndef EVENTKEEP_SCALARS_H
#define EVENTKEEP_SCALARS_H

#include "json.h"

enum { TIME_CHARACTERS_MAX = 64, DAY_SECONDS = 86400 };

/* The digits of a number, and the power of ten, that a double holds without rounding. */
enum { EXACT_DIGITS = 15, EXACT_POWER = 22 };

static const double POWERS_OF_TEN[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Two digits as a number below ``limit``; -1 if they are not. */
static inline int two_digits(const uint8_t *at, int limit)
{
    if (!is_digit(at[0]) || !is_digit(at[1])) {
        return -1;
    }
    int number = (at[0] - '0') * 10 + (at[1] - '0');
    return number < limit ? number : -1;
}

/* Days from 1970-01-01 to a Gregorian date. Years start in March here, so that a leap day is the last of one. */
static inline int64_t days_since_1970(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + in_year - 719468;
}

static inline int days_of_month(int64_t year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* The end of a fraction of a second, or ``at`` if there is none; NULL for a point without digits. */
static const uint8_t *after_fraction(const uint8_t *at)
{
    if (*at != '.' && *at != ',') {
        return at;
    }
    const uint8_t *start = ++at;
    while (is_digit(*at)) {
        at++;
    }
    return at == start ? NULL : at;
}

/* Seconds east of UTC that the offset from ``at`` to the quote at ``end`` says; no offset is UTC. */
static bool read_offset(const uint8_t *at, const uint8_t *end, int64_t *offset)
{
    *offset = 0;
    if (at == end) {
        return true;
    }
    if (*at == 'Z' || *at == 'z') {
        return at + 1 == end;
    }
    if (*at != '+' && *at != '-') {
        return false;
    }
    bool is_west = *at == '-';
    int hours = end - at >= 3 ? two_digits(at + 1, 24) : -1, minutes = 0;
    at += 3;
    if (hours < 0) {
        return false;
    }
    if (at != end) {
        at += *at == ':';
        minutes = end - at == 2 ? two_digits(at, 60) : -1;
    }
    *offset = (hours * 60 + minutes) * 60 * (is_west ? -1 : 1);
    return minutes >= 0;
}

/* Seconds since midnight UTC of the time of day from ``at`` to the quote at ``end``. Seconds may be missing. */
static bool read_time_of_day(const uint8_t *at, const uint8_t *end, int64_t *seconds)
{
    if (end - at < 5 || at[2] != ':') {
        return false;
    }
    int hour = two_digits(at, 24), minute = two_digits(at + 3, 60), second = 0;
    at += 5;
    if (end - at >= 3 && *at == ':') {
        second = two_digits(at + 1, 60);
        at = after_fraction(at + 3);
    }
    int64_t offset;
    if (hour < 0 || minute < 0 || second < 0 || at == NULL || !read_offset(at, end, &offset)) {
        return false;
    }
    *seconds = hour * 3600 + minute * 60 + second - offset;
    return true;
}

/* Unix seconds of an ISO 8601 date, with or without a time of day; a fraction of a second is cut off. */
static bool read_time(struct text text, int64_t *seconds)
{
    const uint8_t *at = text.start;
    if (text.size < 10 || text.size > TIME_CHARACTERS_MAX || at[4] != '-' || at[7] != '-') {
        return false;
    }
    int century = two_digits(at, 100), years = two_digits(at + 2, 100), month = two_digits(at + 5, 13);
    int day = two_digits(at + 8, 32);
    int64_t in_day = 0, year = century * 100 + years;
    if (century < 0 || years < 0 || month < 1 || day < 1 || day > days_of_month(year, month)) {
        return false;
    }
    if (text.size > 10 && ((at[10] != 'T' && at[10] != 't' && at[10] != ' ') ||
                           !read_time_of_day(at + 11, at + text.size, &in_day))) {
        return false;
    }
    *seconds = days_since_1970(year, month, day) * DAY_SECONDS + in_day;
    return true;
}

/* The double that is nearest to a decimal number that ``skip_number`` accepts. Returns false if it takes more than one
   multiplication or division of exact numbers to find it, and for a negative zero. */
static bool plain_double(const uint8_t *at, const uint8_t *end, double *value)
{
    bool is_negative = *at == '-';
    uint64_t digits = 0;
    int count = 0, power = 0, exponent = 0;
    bool in_fraction = false;
    for (at += is_negative; at < end && (*at | 0x20) != 'e'; at++) {
        if (*at == '.') {
            in_fraction = true;
            continue;
        }
        digits = digits * 10 + (*at - '0');
        count += digits > 0;
        power -= in_fraction;
        if (count > EXACT_DIGITS) {
            return false;
        }
    }
    if (at < end) {
        bool is_small = at[1] == '-';
        for (at += 1 + (at[1] == '-' || at[1] == '+'); at < end; at++) {
            exponent = exponent * 10 + (*at - '0');
        }
        power += is_small ? -exponent : exponent;
    }
    if (power < -EXACT_POWER || power > EXACT_POWER || (digits == 0 && is_negative)) {
        return false;
    }
    double number = (double)digits;
    number = power < 0 ? number / POWERS_OF_TEN[-power] : number * POWERS_OF_TEN[power];
    *value = is_negative ? -number : number;
    return true;
}

#endif
