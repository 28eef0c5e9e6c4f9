#include "clock.h"
#include "../support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

JOBQ_TEST(clock_times_are_written_as_the_c_library_has_them)
{
	for (int64_t day = -719528; day < 2932897; day += 17) {
		time_t second =
		    day * 86400 + (day * 7919 % 86400 + 86400) % 86400;
		int ms = (int)((day + 800000) % 1000);
		char wanted[80];
		char got[JOBQ_TIME_SIZE];
		struct tm tm;
		int64_t back;

		gmtime_r(&second, &tm);
		snprintf(wanted, sizeof(wanted),
		    "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		    ms);
		jobq_time_format(second * 1000 + ms, got);
		check_str(got, wanted);
		check_int(jobq_time_parse(got, &back, NULL), 0);
		check_int(back, second * 1000 + ms);
	}
}

JOBQ_TEST(clock_times_beyond_four_digits_of_a_year_are_clamped)
{
	char got[JOBQ_TIME_SIZE];

	jobq_time_format(INT64_MAX, got);
	check_str(got, "9999-12-31T23:59:59.999Z");
	jobq_time_format(INT64_MIN, got);
	check_str(got, "0000-01-01T00:00:00.000Z");
	jobq_time_format(-1, got);
	check_str(got, "1969-12-31T23:59:59.999Z");
	jobq_time_format(0, got);
	check_str(got, "1970-01-01T00:00:00.000Z");
}

JOBQ_TEST(clock_reads_every_form_of_rfc_3339)
{
	static const struct {
		const char *text;
		int64_t ms;
	} times[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01t00:00:00z", 0 },
		{ "1970-01-01 00:00:00Z", 0 },
		{ "1970-01-01T00:00:00.5Z", 500 },
		{ "1970-01-01T00:00:00.123456789Z", 123 },
		{ "1970-01-01T00:00:00.9999999999999999999999Z", 999 },
		{ "1970-01-01T02:00:00+02:00", 0 },
		{ "1969-12-31T18:30:00-05:30", 0 },
		{ "1970-01-01T00:00:00-00:00", 0 },
		{ "2026-11-22T10:30:45.123Z", INT64_C(1795343445123) },
		{ "2000-02-29T00:00:00Z", INT64_C(951782400000) },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
		{ "0000-01-01T00:00:00Z", INT64_C(-62167219200000) },
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t ms = -1;

		check_int(jobq_time_parse(times[i].text, &ms, NULL), 0);
		check_int(ms, times[i].ms);
	}
}

JOBQ_TEST(clock_refuses_what_is_no_time_and_quotes_it)
{
	static const char *const texts[] = { "", "now", "1970", "1970-01-01",
		"1970-01-01T00:00Z", "1970-01-01T00:00:00",
		"1970-01-01T00:00:00.Z", "1970-01-01T00:00:00Zx",
		"1970-01-01T00:00:00+0200", "1970-01-01T00:00:00+24:00",
		"1970-01-01T00:00:00+01:60", "1970-13-01T00:00:00Z",
		"1970-00-01T00:00:00Z", "1970-01-00T00:00:00Z",
		"1970-01-32T00:00:00Z", "1970-04-31T00:00:00Z",
		"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
		"1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
		"1970-01-01T00:00:61Z", "70-01-01T00:00:00Z",
		"+1970-01-01T00:00:00Z", " 1970-01-01T00:00:00Z",
		"1970-1-1T00:00:00Z", "1970-01-01T00:00:00,5Z" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct jobq_err err = { "" };
		int64_t ms;

		if (jobq_time_parse(texts[i], &ms, &err) != JOBQ_INVALID)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", texts[i]);
		check_has(err.text, texts[i]);
	}
}

/* Milliseconds, or -2 when it is refused. */
static int64_t
duration(const char *text, int none_allowed)
{
	struct jobq_err err = { "" };
	int64_t ms;

	if (jobq_duration_parse(text, none_allowed, &ms, &err) == JOBQ_OK)
		return ms;
	check_has(err.text, text);
	check_has(err.text, "500ms");
	return -2;
}

JOBQ_TEST(clock_durations_have_units_and_fractions)
{
	check_int(duration("0", 0), 0);
	check_int(duration("10", 0), 10000);
	check_int(duration("10s", 0), 10000);
	check_int(duration("500ms", 0), 500);
	check_int(duration("5m", 0), 300000);
	check_int(duration("2h", 0), 7200000);
	check_int(duration("1d", 0), 86400000);
	check_int(duration("1.5s", 0), 1500);
	check_int(duration("0.2", 0), 200);
	check_int(duration("0.25h", 0), 900000);
	check_int(duration("1.1d", 0), 95040000);
	check_int(duration("0.0001", 0), 1);
	check_int(duration("1.5ms", 0), 2);
	check_int(duration("0.123456789123456789s", 0), 124);
	check_int(duration("36525d", 0), INT64_C(3155760000000));
	check_int(duration("none", 1), -1);
}

JOBQ_TEST(clock_durations_that_are_none_are_refused)
{
	static const char *const texts[] = { "", "s", "-1", "+1", "1x", "1 s",
		" 1", "1.", ".5", "1.s", "1,5", "1e3", "1S", "10sec", "1h30m",
		"36526d", "36525.1d", "99999999999999999999999999", "none",
		"None", "0x10" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (duration(texts[i], 0) != -2)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", texts[i]);
	}
	check_int(duration("None", 1), -2);
}

static bool
size_is(const char *text, uint64_t wanted)
{
	uint64_t bytes;

	return jobq_size_parse(text, &bytes, NULL) == JOBQ_OK &&
	       bytes == wanted;
}

JOBQ_TEST(clock_sizes_are_binary)
{
	static const char *const texts[] = { "", "KiB", "1K", "1kib", "1KB",
		"1.5MiB", "-1", "+1", "1 KiB", "18446744073709551616",
		"18014398509481984KiB", "16777216TiB" };

	check(size_is("0", 0));
	check(size_is("4096", 4096));
	check(size_is("64KiB", 65536));
	check(size_is("1MiB", 1048576));
	check(size_is("2GiB", UINT64_C(2147483648)));
	check(size_is("1TiB", UINT64_C(1) << 40));
	check(size_is("18446744073709551615", UINT64_MAX));
	check(size_is("18014398509481983KiB", UINT64_MAX - 1023));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct jobq_err err = { "" };
		uint64_t bytes;

		if (jobq_size_parse(texts[i], &bytes, &err) != JOBQ_CONFIG)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", texts[i]);
		check_has(err.text, texts[i]);
	}
}

static int64_t
whole(const char *text, int64_t least, int64_t most)
{
	struct jobq_err err = { "" };
	int64_t number;

	if (jobq_int_parse(text, least, most, &number, &err) == JOBQ_OK)
		return number;
	check_has(err.text, text);
	return -99;
}

JOBQ_TEST(clock_whole_numbers_hold_to_their_bounds)
{
	check_int(whole("0", 0, 10), 0);
	check_int(whole("10", 0, 10), 10);
	check_int(whole("11", 0, 10), -99);
	check_int(whole("-1", 0, 10), -99);
	check_int(whole("-5", -5, -1), -5);
	check_int(whole("007", 0, 10), 7);
	check_int(whole("9223372036854775807", 0, INT64_MAX), INT64_MAX);
	check_int(whole("9223372036854775808", 0, INT64_MAX), -99);
	check_int(whole("-9223372036854775808", INT64_MIN, 0), INT64_MIN);
	check_int(whole("-9223372036854775809", INT64_MIN, 0), -99);
	check_int(whole("", 0, 10), -99);
	check_int(whole("-", 0, 10), -99);
	check_int(whole("1.0", 0, 10), -99);
	check_int(whole(" 1", 0, 10), -99);
	check_int(whole("1 ", 0, 10), -99);
	check_int(whole("+1", 0, 10), -99);
	check_int(whole("0x1", 0, 10), -99);
}

JOBQ_TEST(clock_goes_forward_and_is_never_zero)
{
	int64_t before = jobq_mono_ms();
	int64_t before_ns = jobq_mono_ns();
	time_t now = time(NULL);

	check(before > 0);
	for (int i = 0; i < 1000; i++) {
		check(jobq_mono_ms() >= before);
		check(jobq_mono_ns() >= before_ns);
		before = jobq_mono_ms();
		before_ns = jobq_mono_ns();
	}
	check(llabs(jobq_mono_ns() / 1000000 - jobq_mono_ms()) < 10000);
	check(llabs(jobq_wall_ms() / 1000 - now) < 60);
}
