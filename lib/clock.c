/*
 * Calendar days are counted from 1970-01-01 in eras of 400 years that begin
 * on a first of March, so that the leap day is the last of its year and no
 * table of months is needed.
 */
#include "clock.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "banned.h"

#define MS_PER_DAY INT64_C(86400000)
#define DAYS_PER_ERA 146097
#define DAYS_TO_1970 719468			     /* from 0000-03-01 */
#define LEAST_MS (INT64_C(-62167219200) * 1000)	     /* 0000-01-01 */
#define MOST_MS (INT64_C(253402300799) * 1000 + 999) /* 9999-12-31 */
#define HUNDRED_YEARS_MS (INT64_C(36525) * MS_PER_DAY)

int64_t
jobq_mono_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
jobq_mono_ms(void)
{
	int64_t now = jobq_mono_ns() / 1000000;

	return now > 0 ? now : 1; /* 0 means "not set" to callers */
}

int64_t
jobq_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t era;
	int64_t year_of_era;
	int64_t day_of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	year_of_era = year - era * 400;
	day_of_year =
	    (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 -
	       year_of_era / 100 + day_of_year - DAYS_TO_1970;
}

static void
put_digits(char *out, int count, int64_t number)
{
	while (count-- > 0) {
		out[count] = (char)('0' + number % 10);
		number /= 10;
	}
}

void
jobq_time_format(int64_t wall_ms, char out[JOBQ_TIME_SIZE])
{
	int64_t days, ms, era, day_of_era, year, day_of_year, month;

	if (wall_ms < LEAST_MS)
		wall_ms = LEAST_MS;
	if (wall_ms > MOST_MS)
		wall_ms = MOST_MS;
	ms = wall_ms - LEAST_MS; /* of the year 0000: never negative */
	days = ms / MS_PER_DAY + LEAST_MS / MS_PER_DAY + DAYS_TO_1970;
	ms %= MS_PER_DAY;
	era = (days >= 0 ? days : days - DAYS_PER_ERA + 1) / DAYS_PER_ERA;
	day_of_era = days - era * DAYS_PER_ERA;
	year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
		   day_of_era / 146096) /
	       365;
	day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	month = (5 * day_of_year + 2) / 153;
	memcpy(out, "0000-00-00T00:00:00.000Z", JOBQ_TIME_SIZE);
	put_digits(out + 8, 2, day_of_year - (153 * month + 2) / 5 + 1);
	month = month < 10 ? month + 3 : month - 9;
	put_digits(out + 5, 2, month);
	put_digits(out, 4, year + era * 400 + (month <= 2));
	put_digits(out + 11, 2, ms / 3600000);
	put_digits(out + 14, 2, ms / 60000 % 60);
	put_digits(out + 17, 2, ms / 1000 % 60);
	put_digits(out + 20, 3, ms % 1000);
}

/* Takes count digits from *at, or says that they are not there. */
static bool
take_digits(const char **at, int count, int64_t *number)
{
	*number = 0;
	while (count-- > 0) {
		if (**at < '0' || **at > '9')
			return false;
		*number = *number * 10 + (*(*at)++ - '0');
	}
	return true;
}

static bool
take(const char **at, const char *chars)
{
	if (**at == '\0' || strchr(chars, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

/* Digits behind a point, cut to three; none at all is no fraction. */
static bool
take_fraction(const char **at, int64_t *ms)
{
	int64_t scale = 100;

	if (**at < '0' || **at > '9')
		return false;
	*ms = 0;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		*ms += (**at - '0') * scale;
		scale /= 10;
	}
	return true;
}

/* Z or an offset such as +02:00, as milliseconds east of Greenwich. */
static bool
take_zone(const char **at, int64_t *offset_ms)
{
	bool west = **at == '-';
	int64_t hours, minutes;

	*offset_ms = 0;
	if (take(at, "Zz"))
		return true;
	if (!take(at, "+-") || !take_digits(at, 2, &hours) || !take(at, ":") ||
	    !take_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*offset_ms = (hours * 60 + minutes) * (west ? -60000 : 60000);
	return true;
}

static int64_t
days_in_month(int64_t year, int64_t month)
{
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool
time_parse(const char *at, int64_t *wall_ms)
{
	int64_t year, month, day, hour, minute, second, ms = 0, offset_ms;

	if (!take_digits(&at, 4, &year) || !take(&at, "-") ||
	    !take_digits(&at, 2, &month) || !take(&at, "-") ||
	    !take_digits(&at, 2, &day) || !take(&at, "Tt ") ||
	    !take_digits(&at, 2, &hour) || !take(&at, ":") ||
	    !take_digits(&at, 2, &minute) || !take(&at, ":") ||
	    !take_digits(&at, 2, &second))
		return false;
	if (take(&at, ".") && !take_fraction(&at, &ms))
		return false;
	if (!take_zone(&at, &offset_ms) || *at != '\0')
		return false;
	if (month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month) || hour > 23 || minute > 59 ||
	    second > 60)
		return false;
	*wall_ms = days_of(year, month, day) * MS_PER_DAY +
		   ((hour * 60 + minute) * 60 + second) * 1000 + ms - offset_ms;
	return true;
}

enum jobq_status
jobq_time_parse(const char *text, int64_t *wall_ms, struct jobq_err *err)
{
	if (!time_parse(text, wall_ms))
		return jobq_fail(err, JOBQ_INVALID,
		    "'%.100s' is no time such as 2026-11-22T10:30:45Z", text);
	return JOBQ_OK;
}

/* The milliseconds of a unit of time, 0 when there is none of that name. */
static int64_t
unit_ms(const char *name)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{ "", 1000 },
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60000 },
		{ "h", 3600000 },
		{ "d", MS_PER_DAY },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(units[i].name, name) == 0)
			return units[i].ms;
	}
	return 0;
}

/*
 * whole.fraction units. The fraction is read to nine digits and rounded up,
 * so that what is more than nothing never becomes 0, which often means
 * "none" or "at once".
 */
static bool
duration_parse(const char *at, int64_t *ms)
{
	int64_t whole = 0, parts = 0, scale = 1000000000, unit;
	bool digits = *at >= '0' && *at <= '9';

	for (; *at >= '0' && *at <= '9'; at++) {
		if (whole < HUNDRED_YEARS_MS)
			whole = whole * 10 + (*at - '0');
	}
	if (digits && *at == '.') {
		at++;
		digits = *at >= '0' && *at <= '9';
		for (; *at >= '0' && *at <= '9'; at++) {
			scale /= 10;
			parts += (*at - '0') * scale;
		}
	}
	unit = unit_ms(at);
	if (!digits || unit == 0 || whole > HUNDRED_YEARS_MS / unit)
		return false;
	*ms = whole * unit + (parts * (unit / 1000) + 999999) / 1000000;
	if (unit == 1)
		*ms = whole + (parts > 0);
	return *ms <= HUNDRED_YEARS_MS;
}

enum jobq_status
jobq_duration_parse(
    const char *text, int none_allowed, int64_t *ms, struct jobq_err *err)
{
	if (none_allowed && strcmp(text, "none") == 0) {
		*ms = -1;
		return JOBQ_OK;
	}
	if (!duration_parse(text, ms))
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%.100s' is no duration such as 500ms, 10s, 5m, 2h or "
		    "1d%s (at most 36525d)",
		    text, none_allowed ? ", or none" : "");
	return JOBQ_OK;
}

enum jobq_status
jobq_size_parse(const char *text, uint64_t *bytes, struct jobq_err *err)
{
	static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
	const char *at = text;
	uint64_t number = 0;
	bool fits = *at >= '0' && *at <= '9';

	for (; fits && *at >= '0' && *at <= '9'; at++)
		fits = !__builtin_mul_overflow(number, 10, &number) &&
		       !__builtin_add_overflow(
			   number, (uint64_t)(*at - '0'), &number);
	for (size_t i = 0; fits && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(at, units[i]) == 0 &&
		    number <= (UINT64_MAX >> (10 * i))) {
			*bytes = number << (10 * i);
			return JOBQ_OK;
		}
	}
	return jobq_fail(err, JOBQ_CONFIG,
	    "'%.100s' is no size such as 4096, 64KiB, 1MiB or 2GiB", text);
}

enum jobq_status
jobq_int_parse(const char *text, int64_t least, int64_t most, int64_t *out,
    struct jobq_err *err)
{
	bool negative = *text == '-';
	const char *at = text + negative;
	int64_t number = 0; /* kept negative, where the range is larger */
	bool fits = *at != '\0';

	for (; fits && *at != '\0'; at++)
		fits = *at >= '0' && *at <= '9' &&
		       !__builtin_mul_overflow(number, 10, &number) &&
		       !__builtin_sub_overflow(number, *at - '0', &number);
	if (fits && !negative) {
		fits = number != INT64_MIN;
		number = fits ? -number : 0;
	}
	if (!fits || number < least || number > most)
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%.100s' is no whole number from %lld to %lld", text,
		    (long long)least, (long long)most);
	*out = number;
	return JOBQ_OK;
}
