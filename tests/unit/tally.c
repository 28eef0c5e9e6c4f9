#include "tally.h"

#include "../support/unit.h"

#include <string.h>

static void
take(struct jobq_tally *tally, const char *line)
{
	struct jobq_event event = { .kind = JOBQ_EVENT_OTHER };

	check_int(
	    jobq_object_scan(&event.members, line, strlen(line), NULL), 0);
	check_int(jobq_event_read(&event, line, strlen(line), NULL), 0);
	jobq_tally_take(tally, &event);
	jobq_event_release(&event);
}

static void
check_tally(struct jobq_tally *tally, int64_t now_ms, const char *wanted)
{
	struct jobq_buf out = JOBQ_BUF_INIT;

	jobq_tally_put(tally, now_ms, &out);
	check_str(out.data, wanted);
	jobq_buf_release(&out);
}

JOBQ_TEST(tally_counts_what_ends_and_what_runs)
{
	struct jobq_tally tally = { .completed = 0 };

	check_tally(&tally, 1000, "0 completed, 0 failed, 0 running");
	take(&tally, "{\"event\":\"started\",\"id\":\"a\"}");
	take(&tally, "{\"event\":\"started\",\"id\":\"a\"}");
	take(&tally, "{\"event\":\"started\",\"id\":\"b\"}");
	take(&tally, "{\"event\":\"output\",\"id\":\"b\"}");
	check_tally(&tally, 1000, "0 completed, 0 failed, 2 running");
	take(&tally, "{\"event\":\"completed\",\"id\":\"a\"}");
	take(&tally,
	    "{\"event\":\"failed\",\"id\":\"b\",\"state\":\"pending\"}");
	check_tally(
	    &tally, 1000, "1 completed, 0 failed, 1 tried again, 0 running");
	take(
	    &tally, "{\"event\":\"failed\",\"id\":\"b\",\"state\":\"failed\"}");
	take(&tally, "{\"event\":\"cancelled\",\"id\":\"c\"}");
	take(&tally, "{\"event\":\"released\",\"id\":\"d\","
		     "\"state\":\"cancelled\"}");
	take(&tally, "{\"event\":\"released\",\"id\":\"e\","
		     "\"state\":\"pending\"}");
	take(&tally, "{\"event\":\"gap\",\"until\":5}");
	check_tally(&tally, 1000,
	    "1 completed, 1 failed, 2 cancelled, 1 tried again, 0 running");
	jobq_tally_release(&tally);
}

JOBQ_TEST(tally_a_released_job_no_longer_runs)
{
	struct jobq_tally tally = { .completed = 0 };

	take(&tally, "{\"event\":\"started\",\"id\":\"a\"}");
	take(&tally, "{\"event\":\"released\",\"id\":\"a\","
		     "\"state\":\"pending\"}");
	check_int(tally.running, 0);
	take(&tally, "{\"event\":\"started\",\"id\":\"a\"}");
	check_int(tally.running, 1);
	jobq_tally_release(&tally);
}

JOBQ_TEST(tally_the_rate_is_that_of_the_last_ten_seconds)
{
	struct jobq_tally tally = { .completed = 0 };
	int64_t now_ms = 5000;

	for (int second = 0; second < 30; second++, now_ms += 1000) {
		struct jobq_buf out = JOBQ_BUF_INIT;

		tally.completed += second < 15 ? 100 : 3;
		jobq_tally_put(&tally, now_ms, &out);
		if (second == 0)
			check(strstr(out.data, "/s") == NULL);
		else if (second < 15)
			check_has(out.data, ", 100.0/s");
		else if (second >= 25)
			check_has(out.data, ", 3.0/s");
		jobq_buf_release(&out);
	}
	jobq_tally_release(&tally);
}
