#include "event.h"
#include "clock.h"
#include "job.h"
#include "../support/unit.h"

#include <stdio.h>
#include <stdlib.h>

static enum jobq_status
read_line(struct jobq_event *event, char **copy, const char *line,
    struct jobq_err *err)
{
	size_t len = strlen(line);
	enum jobq_status status;

	free(*copy);
	*copy = malloc(len);
	memcpy(*copy, line, len);
	status = jobq_object_scan(&event->members, *copy, len, err);
	return status != JOBQ_OK ? status
				 : jobq_event_read(event, *copy, len, err);
}

static void
must_read(struct jobq_event *event, char **copy, const char *line)
{
	struct jobq_err err;

	if (read_line(event, copy, line, &err) != JOBQ_OK)
		jobq_unit_fail(__FILE__, __LINE__, "%s: %s", line, err.text);
}

JOBQ_TEST(event_reads_every_member_it_knows)
{
	struct jobq_event event = { 0 };
	char *copy = NULL;

	must_read(&event, &copy,
	    "{\"event\":\"failed\",\"id\":\"a-1\",\"epoch\":3,"
	    "\"worker\":\"h\\u003a1\",\"n\":4,\"seq\":9,"
	    "\"at\":\"2026-11-22T10:30:45.123Z\",\"reason\":\"exit\","
	    "\"error\":\"\\u0000\\ud800\",\"retry\":false,"
	    "\"retry_after\":1.5,\"settled\":\"stale\","
	    "\"state\":\"pending\",\"exit\":1.10}");
	check_int(event.kind, JOBQ_EVENT_FAILED);
	check_str(event.event, "failed");
	check_str(event.id, "a-1");
	check_str(event.worker, "h:1");
	check_str(event.reason, "exit");
	check_str(event.state, "pending");
	check_str(event.at, "2026-11-22T10:30:45.123Z");
	check_int(event.epoch, 3);
	check_int(event.n, 4);
	check_int(event.seq, 9);
	check_int(event.retry, 0);
	check_int(event.retry_after_ms, 1500);
	check_text(event.settled.at, event.settled.len, "\"stale\"");
	check(event.lost.len == 0 && event.jobs.len == 0);

	must_read(&event, &copy,
	    "{\"event\":\"alive\",\"worker\":\"w\",\"n\":0,"
	    "\"jobs\":[[\"a\",1],[\"b\",2]],\"lost\":[],\"started\":[1]}");
	check_int(event.kind, JOBQ_EVENT_ALIVE);
	check(event.id == NULL && event.reason == NULL && event.state == NULL &&
	      event.at == NULL);
	check(event.epoch == JOBQ_ABSENT && event.seq == JOBQ_ABSENT &&
	      event.retry_after_ms == JOBQ_ABSENT);
	check_int(event.n, 0);
	check_int(event.retry, -1);
	check_int(event.settled.len, 0);
	check_text(event.jobs.at, event.jobs.len, "[[\"a\",1],[\"b\",2]]");
	check_text(event.lost.at, event.lost.len, "[]");
	check_text(event.started.at, event.started.len, "[1]");

	must_read(&event, &copy,
	    "{\"event\":\"x\",\"id\":null,\"epoch\":null,\"retry\":null,"
	    "\"lost\":null,\"settled\":null}");
	check(event.id == NULL && event.epoch == JOBQ_ABSENT &&
	      event.retry == -1 && event.lost.len == 0 &&
	      event.settled.len == 0);
	must_read(&event, &copy, "{\"retry\":true,\"event\":\"failed\"}");
	check_int(event.retry, 1);
	free(copy);
	jobq_event_release(&event);
}

JOBQ_TEST(event_kinds_have_names_and_those_of_later_versions_pass)
{
	static const char *const names[] = { "started", "output", "progress",
		"alive", "completed", "failed", "cancelled", "released",
		"snoozed", "cancel", "stop", "idle", "gap" };
	static const bool endings[] = { false, false, false, false, true, true,
		true, true, true, false, false, false, false };
	struct jobq_event event = { 0 };
	char *copy = NULL;
	char line[100];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		enum jobq_event_kind kind = (enum jobq_event_kind)(i + 1);

		check_str(jobq_event_name(kind), names[i]);
		check(jobq_event_is_ending(kind) == endings[i]);
		snprintf(line, sizeof(line), "{\"event\":\"%s\",\"jobs\":[]}",
		    names[i]);
		must_read(&event, &copy, line);
		check_int(event.kind, kind);
	}
	must_read(&event, &copy, "{\"event\":\"hatched\",\"id\":\"a\"}");
	check_int(event.kind, JOBQ_EVENT_OTHER);
	check_str(event.event, "hatched");
	check(!jobq_event_is_ending(JOBQ_EVENT_OTHER));
	free(copy);
	jobq_event_release(&event);
}

static const struct {
	const char *line;
	const char *name;
} bad[] = {
	{ "{}", "\"event\"" },
	{ "{\"event\":null}", "\"event\"" },
	{ "{\"event\":\"\"}", "\"event\"" },
	{ "{\"event\":1}", "\"event\"" },
	{ "{\"event\":\"x\\n\"}", "\"event\"" },
	{ "{\"event\":\"x\",\"id\":\"a b\"}", "\"id\"" },
	{ "{\"event\":\"x\",\"id\":1}", "\"id\"" },
	{ "{\"event\":\"x\",\"epoch\":0}", "\"epoch\"" },
	{ "{\"event\":\"x\",\"epoch\":\"1\"}", "\"epoch\"" },
	{ "{\"event\":\"x\",\"epoch\":1.5}", "\"epoch\"" },
	{ "{\"event\":\"x\",\"n\":-1}", "\"n\"" },
	{ "{\"event\":\"x\",\"seq\":-1}", "\"seq\"" },
	{ "{\"event\":\"x\",\"worker\":\"\"}", "\"worker\"" },
	{ "{\"event\":\"x\",\"at\":\"now\"}", "\"at\"" },
	{ "{\"event\":\"x\",\"at\":1}", "\"at\"" },
	{ "{\"event\":\"x\",\"reason\":1}", "\"reason\"" },
	{ "{\"event\":\"x\",\"reason\":\"\\u0000\"}", "\"reason\"" },
	{ "{\"event\":\"x\",\"state\":\"\\ud800\"}", "\"state\"" },
	{ "{\"event\":\"x\",\"retry\":\"no\"}", "\"retry\"" },
	{ "{\"event\":\"x\",\"retry\":0}", "\"retry\"" },
	{ "{\"event\":\"x\",\"retry_after\":-1}", "\"retry_after\"" },
	{ "{\"event\":\"x\",\"retry_after\":\"60\"}", "\"retry_after\"" },
	{ "{\"event\":\"x\",\"jobs\":{}}", "\"jobs\"" },
	{ "{\"event\":\"x\",\"jobs\":[\"a\"]}", "\"jobs\"" },
	{ "{\"event\":\"x\",\"jobs\":[[\"a\"]]}", "\"jobs\"" },
	{ "{\"event\":\"x\",\"jobs\":[[\"a\",1,2]]}", "\"jobs\"" },
	{ "{\"event\":\"x\",\"jobs\":[[\"a\",0]]}", "\"jobs\"" },
	{ "{\"event\":\"x\",\"jobs\":[[1,\"a\"]]}", "\"jobs\"" },
	{ "{\"event\":\"x\",\"lost\":[[\"a b\",1]]}", "\"lost\"" },
	{ "{\"event\":\"x\",\"lost\":[null]}", "\"lost\"" },
	{ "{\"event\":\"alive\",\"worker\":\"w\"}", "\"jobs\"" },
	{ "{\"event\":\"alive\",\"jobs\":null}", "\"jobs\"" },
};

JOBQ_TEST(event_bad_members_are_named)
{
	struct jobq_event event = { 0 };
	char *copy = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct jobq_err err = { "" };

		if (read_line(&event, &copy, bad[i].line, &err) != JOBQ_INVALID)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", bad[i].line);
		if (strstr(err.text, bad[i].name) == NULL)
			jobq_unit_fail(__FILE__, __LINE__, "%s: %s",
			    bad[i].line, err.text);
	}
	free(copy);
	jobq_event_release(&event);
}

JOBQ_TEST(event_members_that_stand_twice_are_named)
{
	static const char *const names[] = { "at", "epoch", "event", "id",
		"jobs", "lost", "n", "reason", "retry", "retry_after", "seq",
		"settled", "started", "state", "worker", "output", "base64",
		"data", "error", "note", "percent", "stream", "text" };
	struct jobq_event event = { 0 };
	char *copy = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool name_is_event = strcmp(names[i], "event") == 0;
		const char *value = name_is_event ? "\"x\"" : "null";
		struct jobq_err err = { "" };
		char line[200];
		char wanted[60];

		snprintf(line, sizeof(line), "{%s\"%s\":%s,\"%s\":%s}",
		    name_is_event ? "" : "\"event\":\"x\",", names[i], value,
		    names[i], value);
		if (read_line(&event, &copy, line, &err) != JOBQ_INVALID)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", line);
		snprintf(
		    wanted, sizeof(wanted), "\"%s\" stands twice", names[i]);
		check_has(err.text, wanted);
	}
	must_read(&event, &copy, "{\"event\":\"x\",\"mine\":1,\"mine\":2}");
	free(copy);
	jobq_event_release(&event);
}

JOBQ_TEST(event_lines_that_are_begun_can_be_read)
{
	static const char begun[] =
	    "{\"event\":\"completed\",\"id\":\"a-1\",\"epoch\":3,"
	    "\"worker\":\"host \\\"x\\\":1\",\"n\":4,\"at\":\"";
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_event event = { 0 };
	char *copy = NULL;
	int64_t at_ms;

	jobq_event_begin(
	    &out, JOBQ_EVENT_COMPLETED, "a-1", 3, "host \"x\":1", 4);
	jobq_buf_puts(&out, ",\"output\":1.10}");
	check(strncmp(out.data, begun, sizeof(begun) - 1) == 0);
	must_read(&event, &copy, out.data);
	check_int(event.kind, JOBQ_EVENT_COMPLETED);
	check_str(event.id, "a-1");
	check_int(event.epoch, 3);
	check_str(event.worker, "host \"x\":1");
	check_int(event.n, 4);
	check_int(jobq_time_parse(event.at, &at_ms, NULL), 0);
	check(llabs(at_ms - jobq_wall_ms()) < 60000);

	jobq_buf_clear(&out);
	jobq_event_begin(
	    &out, JOBQ_EVENT_IDLE, NULL, JOBQ_ABSENT, NULL, JOBQ_ABSENT);
	check(strncmp(out.data, "{\"event\":\"idle\",\"at\":\"", 22) == 0);
	jobq_buf_putc(&out, '}');
	must_read(&event, &copy, out.data);
	check(event.id == NULL && event.worker == NULL &&
	      event.epoch == JOBQ_ABSENT && event.n == JOBQ_ABSENT);
	free(copy);
	jobq_buf_release(&out);
	jobq_event_release(&event);
}
