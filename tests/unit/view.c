#include "view.h"

#include "../support/unit.h"

#include <stdlib.h>
#include <time.h>

static void
check_duration(int64_t ms, const char *wanted)
{
	struct jobq_buf out = JOBQ_BUF_INIT;

	jobq_view_duration(&out, ms);
	check_str(out.data, wanted);
	jobq_buf_release(&out);
}

JOBQ_TEST(view_durations_have_one_unit_and_are_never_negative)
{
	check_duration(-5000, "0 s");
	check_duration(999, "0 s");
	check_duration(1000, "1 s");
	check_duration(119999, "119 s");
	check_duration(120000, "2 min");
	check_duration(7199999, "119 min");
	check_duration(7200000, "2 h");
	check_duration(172800000, "2 d");
	check_duration(INT64_MAX, "106751991167 d");
}

static void
check_value(const char *json, const char *wanted)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_span value = { json, strlen(json) };

	jobq_view_text(&out, value);
	check_str(out.data, wanted);
	jobq_buf_release(&out);
}

JOBQ_TEST(view_strings_lose_their_quotes_and_other_values_stay_as_they_are)
{
	check_value("\"a\\n\\u00e9\"", "a\n\xc3\xa9");
	check_value("\"\"", "");
	check_value("", "");
	check_value("9007199254740993", "9007199254740993");
	check_value("{\"a\": 1.10}", "{\"a\": 1.10}");
	check_value("\"a\\u0000b\"", "\"a\\u0000b\"");
	check_value("\"x\\ud800\"", "\"x\\ud800\"");
}

JOBQ_TEST(view_members_that_are_absent_or_null_are_empty)
{
	const char *line = "{\"a\":null,\"held\":{\"worker\":\"w\",\"age\":3}}";
	struct jobq_object members = { NULL, 0, 0 };
	struct jobq_span worker;

	check_int(jobq_object_scan(&members, line, strlen(line), NULL), 0);
	check_int(jobq_view_member(&members, "a").len, 0);
	check_int(jobq_view_member(&members, "b").len, 0);
	worker = jobq_view_inner(&members, "held.worker");
	check_text(worker.at, worker.len, "\"w\"");
	check_int(jobq_view_inner(&members, "held.none").len, 0);
	check_int(jobq_view_inner(&members, "none.worker").len, 0);
	check_int(jobq_view_int(jobq_view_inner(&members, "held.age"), 7), 3);
	check_int(jobq_view_int(jobq_view_inner(&members, "none"), 7), 7);
	jobq_object_release(&members);
}

static void
check_time(const char *json, bool local, const char *wanted)
{
	struct jobq_buf out = JOBQ_BUF_INIT;

	jobq_view_time(&out, (struct jobq_span){ json, strlen(json) }, local);
	check_str(out.data, wanted);
	jobq_buf_release(&out);
}

JOBQ_TEST(view_times_are_those_of_utc_or_of_the_place)
{
	setenv("TZ", "UTC-2", 1);
	tzset();
	check_time(
	    "\"2026-11-22T10:30:45.999Z\"", false, "2026-11-22T10:30:45Z");
	check_time("\"2026-11-22T23:30:45Z\"", true, "2026-11-23 01:30:45");
	check_time("\"soon\"", true, "soon");
}
