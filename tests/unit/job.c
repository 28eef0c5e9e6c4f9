#include "job.h"
#include "../support/unit.h"

#include <stdio.h>
#include <stdlib.h>

/* Scans and reads a line in memory that ends where the line does. */
static enum jobq_status
read_line(
    struct jobq_job *job, char **copy, const char *line, struct jobq_err *err)
{
	size_t len = strlen(line);
	enum jobq_status status;

	free(*copy);
	*copy = malloc(len);
	memcpy(*copy, line, len);
	status = jobq_object_scan(&job->members, *copy, len, err);
	return status != JOBQ_OK ? status : jobq_job_read(job, *copy, len, err);
}

static void
must_read(struct jobq_job *job, char **copy, const char *line)
{
	struct jobq_err err;

	if (read_line(job, copy, line, &err) != JOBQ_OK)
		jobq_unit_fail(__FILE__, __LINE__, "%s: %s", line, err.text);
}

static const char full[] =
    "{\"id\":\"a-1\",\"queue\":\"mail \\u00e9\",\"name\":\"send\","
    "\"input\":{\"n\":[9007199254740993,1.10,1e400,\"\\u0000\\ud800\"]},"
    "\"priority\":-5,\"attempt\":2,\"max_attempts\":7,"
    "\"run_at\":\"2026-11-22T10:30:45.123Z\",\"timeout\":0.25,"
    "\"expires_at\":\"2026-11-23T00:00:00+01:00\",\"key\":\"k\\n\","
    "\"needs\":[\"x\",\"\\u0079\"],\"flow\":\"f\","
    "\"trace\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\","
    "\"meta\":{\"m\":1},\"state\":\"running\",\"mine\":[1.10],"
    "\"lease\":{\"epoch\":3,\"worker\":\"host:1:r\",\"seconds\":1.5,"
    "\"ring\":true,\"more\":{\"epoch\":9}}}";

static void
check_full(const struct jobq_job *job)
{
	check_str(job->id, "a-1");
	check_str(job->queue, "mail \xc3\xa9");
	check_str(job->name, "send");
	check_str(job->key, "k\n");
	check_str(job->flow, "f");
	check_str(job->trace,
	    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	check_str(job->state, "running");
	check_int(job->priority, -5);
	check_int(job->attempt, 2);
	check_int(job->max_attempts, 7);
	check_int(job->run_at_ms, INT64_C(1795343445123));
	check_int(job->expires_at_ms, INT64_C(1795388400000));
	check_int(job->timeout_ms, 250);
	check(job->has_lease && job->ring);
	check_int(job->epoch, 3);
	check_str(job->worker, "host:1:r");
	check_int(job->lease_ms, 1500);
	check_text(job->input.at, job->input.len,
	    "{\"n\":[9007199254740993,1.10,1e400,\"\\u0000\\ud800\"]}");
	check_text(job->meta.at, job->meta.len, "{\"m\":1}");
	check_text(job->needs.at, job->needs.len, "[\"x\",\"\\u0079\"]");
}

JOBQ_TEST(job_reads_every_member_of_its_envelope)
{
	struct jobq_job job = { 0 };
	char *copy = NULL;

	must_read(&job, &copy, full);
	check_full(&job);
	free(copy);
	jobq_job_release(&job);
}

JOBQ_TEST(job_forgets_the_line_before)
{
	struct jobq_job job = { 0 };
	char *copy = NULL;

	must_read(&job, &copy, full);
	must_read(&job, &copy, "{\"input\":null}");
	check(job.id == NULL && job.queue == NULL && job.name == NULL &&
	      job.key == NULL && job.flow == NULL && job.trace == NULL &&
	      job.state == NULL && job.worker == NULL);
	check(job.priority == JOBQ_ABSENT && job.attempt == JOBQ_ABSENT &&
	      job.max_attempts == JOBQ_ABSENT && job.run_at_ms == JOBQ_ABSENT &&
	      job.expires_at_ms == JOBQ_ABSENT &&
	      job.timeout_ms == JOBQ_ABSENT && job.epoch == JOBQ_ABSENT &&
	      job.lease_ms == JOBQ_ABSENT);
	check(!job.has_lease && !job.ring);
	check(job.meta.len == 0 && job.needs.len == 0);
	check_text(job.input.at, job.input.len, "null");
	must_read(&job, &copy, full);
	check_full(&job);
	free(copy);
	jobq_job_release(&job);
}

JOBQ_TEST(job_does_not_allocate_once_it_is_warm)
{
	struct jobq_job job = { 0 };
	char *copy = NULL;
	const char *text;
	const struct jobq_member *members;

	must_read(&job, &copy, full);
	text = job.text.data;
	members = job.members.member;
	for (int i = 0; i < 100; i++) {
		must_read(&job, &copy, full);
		check(job.text.data == text && job.members.member == members);
		check(job.id >= text && job.id < text + job.text.cap);
	}
	free(copy);
	jobq_job_release(&job);
}

JOBQ_TEST(job_members_that_are_null_are_absent_but_for_the_input)
{
	struct jobq_job job = { 0 };
	char *copy = NULL;

	must_read(&job, &copy,
	    "{\"id\":null,\"queue\":null,\"name\":null,\"input\":null,"
	    "\"priority\":null,\"attempt\":null,\"max_attempts\":null,"
	    "\"run_at\":null,\"timeout\":null,\"expires_at\":null,"
	    "\"key\":null,\"needs\":null,\"flow\":null,\"trace\":null,"
	    "\"meta\":null,\"state\":null,\"lease\":null}");
	check(job.id == NULL && job.priority == JOBQ_ABSENT &&
	      job.needs.len == 0 && !job.has_lease);
	check_text(job.input.at, job.input.len, "null");
	must_read(&job, &copy,
	    "{\"lease\":{\"epoch\":1,\"worker\":\"w\",\"seconds\":null,"
	    "\"ring\":null}}");
	check(job.has_lease && !job.ring && job.lease_ms == JOBQ_ABSENT);
	must_read(&job, &copy, "{}");
	check_int(job.input.len, 0);
	free(copy);
	jobq_job_release(&job);
}

JOBQ_TEST(job_seconds_are_rounded_up_to_milliseconds)
{
	struct jobq_job job = { 0 };
	char *copy = NULL;

	must_read(&job, &copy, "{\"timeout\":0.0001}");
	check_int(job.timeout_ms, 1);
	must_read(&job, &copy, "{\"timeout\":1.0005}");
	check_int(job.timeout_ms, 1001);
	must_read(&job, &copy, "{\"timeout\":0.3}");
	check_int(job.timeout_ms, 300);
	must_read(&job, &copy, "{\"timeout\":1e1}");
	check_int(job.timeout_ms, 10000);
	free(copy);
	jobq_job_release(&job);
}

JOBQ_TEST(job_bounds_are_included)
{
	static const char *const lines[] = {
		"{\"priority\":2147483647}",
		"{\"priority\":-2147483648}",
		"{\"priority\":1e3}",
		"{\"attempt\":0}",
		"{\"max_attempts\":1}",
		"{\"max_attempts\":1000000}",
		"{\"timeout\":0.001}",
		"{\"timeout\":3155760000}",
		"{\"needs\":[]}",
		"{\"meta\":{}}",
		"{\"lease\":{\"epoch\":9223372036854775807,"
		"\"worker\":\"w\"}}",
		"{\"key\":\"\\u0001\"}",
		"{\"mine\":1,\"mine\":2}",
		"{\"input\":{\"id\":1,\"id\":2}}",
		"{\"Id\":1,\"ID\":2}",
	};
	struct jobq_job job = { 0 };
	char *copy = NULL;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		must_read(&job, &copy, lines[i]);
	free(copy);
	jobq_job_release(&job);
}

/* Each line is bad, and the error names this member. */
static const struct {
	const char *line;
	const char *name;
} bad[] = {
	{ "{\"id\":\"\"}", "\"id\"" },
	{ "{\"id\":1}", "\"id\"" },
	{ "{\"id\":\"-a\"}", "\"id\"" },
	{ "{\"id\":\"a b\"}", "\"id\"" },
	{ "{\"id\":\"a\\u0000\"}", "\"id\"" },
	{ "{\"queue\":\"\"}", "\"queue\"" },
	{ "{\"queue\":[]}", "\"queue\"" },
	{ "{\"queue\":\"a\\nb\"}", "\"queue\"" },
	{ "{\"queue\":\"a\\u007f\"}", "\"queue\"" },
	{ "{\"queue\":\"a\\u0085\"}", "\"queue\"" },
	{ "{\"name\":\"\"}", "\"name\"" },
	{ "{\"name\":true}", "\"name\"" },
	{ "{\"name\":\"\\ud800\"}", "\"name\"" },
	{ "{\"priority\":2147483648}", "\"priority\"" },
	{ "{\"priority\":-2147483649}", "\"priority\"" },
	{ "{\"priority\":1.5}", "\"priority\"" },
	{ "{\"priority\":\"1\"}", "\"priority\"" },
	{ "{\"attempt\":-1}", "\"attempt\"" },
	{ "{\"max_attempts\":0}", "\"max_attempts\"" },
	{ "{\"max_attempts\":1000001}", "\"max_attempts\"" },
	{ "{\"run_at\":\"tomorrow\"}", "\"run_at\"" },
	{ "{\"run_at\":1795343445}", "\"run_at\"" },
	{ "{\"timeout\":0}", "\"timeout\"" },
	{ "{\"timeout\":-1}", "\"timeout\"" },
	{ "{\"timeout\":\"10s\"}", "\"timeout\"" },
	{ "{\"timeout\":1e400}", "\"timeout\"" },
	{ "{\"timeout\":3155760001}", "\"timeout\"" },
	{ "{\"expires_at\":\"2026-02-30T00:00:00Z\"}", "\"expires_at\"" },
	{ "{\"key\":\"\"}", "\"key\"" },
	{ "{\"flow\":\"\"}", "\"flow\"" },
	{ "{\"trace\":\"a\\nb\"}", "\"trace\"" },
	{ "{\"state\":7}", "\"state\"" },
	{ "{\"needs\":\"a\"}", "\"needs\"" },
	{ "{\"needs\":{}}", "\"needs\"" },
	{ "{\"needs\":[1]}", "\"needs\"" },
	{ "{\"needs\":[\"a\",\"\"]}", "\"needs\"" },
	{ "{\"needs\":[null]}", "\"needs\"" },
	{ "{\"meta\":[]}", "\"meta\"" },
	{ "{\"meta\":\"{}\"}", "\"meta\"" },
	{ "{\"lease\":1}", "\"lease\"" },
	{ "{\"lease\":[]}", "\"lease\"" },
	{ "{\"lease\":{}}", "\"lease\"" },
	{ "{\"lease\":{\"epoch\":1}}", "worker" },
	{ "{\"lease\":{\"worker\":\"w\"}}", "epoch" },
	{ "{\"lease\":{\"epoch\":0,\"worker\":\"w\"}}", "\"lease.epoch\"" },
	{ "{\"lease\":{\"epoch\":-1,\"worker\":\"w\"}}", "\"lease.epoch\"" },
	{ "{\"lease\":{\"epoch\":\"1\",\"worker\":\"w\"}}", "\"lease.epoch\"" },
	{ "{\"lease\":{\"epoch\":1,\"worker\":\"\"}}", "\"lease.worker\"" },
	{ "{\"lease\":{\"epoch\":1,\"worker\":\"w\",\"seconds\":0}}",
	    "\"lease.seconds\"" },
	{ "{\"lease\":{\"epoch\":1,\"worker\":\"w\",\"ring\":1}}",
	    "\"lease.ring\"" },
};

JOBQ_TEST(job_bad_members_are_named)
{
	struct jobq_job job = { 0 };
	char *copy = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct jobq_err err = { "" };

		if (read_line(&job, &copy, bad[i].line, &err) != JOBQ_INVALID)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", bad[i].line);
		if (strstr(err.text, bad[i].name) == NULL)
			jobq_unit_fail(__FILE__, __LINE__, "%s: %s",
			    bad[i].line, err.text);
	}
	free(copy);
	jobq_job_release(&job);
}

JOBQ_TEST(job_members_that_stand_twice_are_named)
{
	static const char *const names[] = { "id", "queue", "name", "input",
		"priority", "attempt", "max_attempts", "run_at", "timeout",
		"expires_at", "key", "needs", "flow", "trace", "meta", "state",
		"lease", "lease.epoch", "lease.worker", "lease.seconds",
		"lease.ring" };
	struct jobq_job job = { 0 };
	char *copy = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool inner = strncmp(names[i], "lease.", 6) == 0;
		const char *name = names[i] + (inner ? 6 : 0);
		struct jobq_err err = { "" };
		char line[200];
		char wanted[60];

		/* the second one is spelt with an escape; null counts too */
		snprintf(line, sizeof(line),
		    "%s{\"%s\":null,\"\\u%04x%s\":null}%s",
		    inner ? "{\"lease\":" : "", name, (unsigned)*name, name + 1,
		    inner ? "}" : "");
		if (read_line(&job, &copy, line, &err) != JOBQ_INVALID)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", line);
		snprintf(
		    wanted, sizeof(wanted), "\"%s\" stands twice", names[i]);
		check_has(err.text, wanted);
	}
	free(copy);
	jobq_job_release(&job);
}

/* A line with one string member of len bytes. */
static char *
long_member(const char *name, size_t len)
{
	struct jobq_buf line = JOBQ_BUF_INIT;

	jobq_buf_printf(&line, "{\"%s\":\"", name);
	while (len-- > 0)
		jobq_buf_putc(&line, 'x');
	jobq_buf_puts(&line, "\"}");
	return jobq_buf_detach(&line);
}

JOBQ_TEST(job_names_have_at_most_255_bytes_and_ids_128)
{
	static const char *const names[] = { "queue", "name", "key", "flow",
		"trace", "id" };
	struct jobq_job job = { 0 };
	char *copy = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t most = strcmp(names[i], "id") == 0 ? 128 : 255;
		char *line = long_member(names[i], most);

		must_read(&job, &copy, line);
		free(line);
		line = long_member(names[i], most + 1);
		check_int(read_line(&job, &copy, line, NULL), JOBQ_INVALID);
		free(line);
	}
	free(copy);
	jobq_job_release(&job);
}

JOBQ_TEST(job_needs_at_most_1000_ids)
{
	struct jobq_job job = { 0 };
	char *copy = NULL;

	for (int count = 1000; count <= 1001; count++) {
		struct jobq_buf line = JOBQ_BUF_INIT;

		jobq_buf_puts(&line, "{\"needs\":[");
		for (int i = 0; i < count; i++)
			jobq_buf_printf(&line, "%s\"i%d\"", i ? "," : "", i);
		jobq_buf_puts(&line, "],\"id\":\"x\"}");
		check_int(read_line(&job, &copy, line.data, NULL),
		    count == 1000 ? JOBQ_OK : JOBQ_INVALID);
		if (count == 1000)
			check_str(job.id, "x");
		jobq_buf_release(&line);
	}
	free(copy);
	jobq_job_release(&job);
}

JOBQ_TEST(job_lines_are_told_from_events)
{
	static const struct {
		const char *line;
		bool event;
	} lines[] = {
		{ "{}", false },
		{ "{\"id\":\"a\"}", false },
		{ "{\"input\":{\"event\":1}}", false },
		{ "{\"event\":\"started\"}", true },
		{ "{\"id\":\"a\",\"\\u0065vent\":null}", true },
	};
	struct jobq_object object = { NULL, 0, 0 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		check_int(jobq_object_scan(&object, lines[i].line,
			      strlen(lines[i].line), NULL),
		    0);
		check(jobq_line_is_event(&object) == lines[i].event);
	}
	jobq_object_release(&object);
}

static const char *const drop[] = { "lease", "state", NULL };
static const char *const drop_none[] = { NULL };

static void
check_strip(
    const char *line, const char *const *names, const char *wanted, bool left)
{
	struct jobq_object object = { NULL, 0, 0 };
	struct jobq_buf out = JOBQ_BUF_INIT;

	check_int(jobq_object_scan(&object, line, strlen(line), NULL), 0);
	check(jobq_line_strip(&object, names, &out) == left);
	check_str(out.data, wanted);
	jobq_buf_putc(&out, '}');
	check_int(jobq_object_scan(&object, out.data, out.len, NULL), 0);
	jobq_buf_release(&out);
	jobq_object_release(&object);
}

JOBQ_TEST(job_lines_lose_named_members_and_no_other_byte)
{
	check_strip("{}", drop, "{", false);
	check_strip(" { } ", drop, "{", false);
	check_strip("{\"lease\":1}", drop, "{", false);
	check_strip("{\"lease\":1,\"state\":2,\"lease\":3}", drop, "{", false);
	check_strip("{\"a\":1}", drop, "{\"a\":1", true);
	check_strip("{\"lease\":{\"a\":1},\"b\":2}", drop, "{\"b\":2", true);
	check_strip("{\"a\":1,\"lease\":{}}", drop, "{\"a\":1", true);
	check_strip("{\"a\":1,\"lease\":{},\"b\":9007199254740993}", drop,
	    "{\"a\":1,\"b\":9007199254740993", true);
	check_strip("{\"a\":1,\"\\u006cease\":{},\"b\":1e400,\"state\":1}",
	    drop, "{\"a\":1,\"b\":1e400", true);
	check_strip(
	    " { \"a\" : 1.10 , \"lease\" : 2 ,  \"\\u00e9\\/\":\"x\" } ", drop,
	    "{ \"a\" : 1.10 ,  \"\\u00e9\\/\":\"x\" ", true);
	check_strip("{ \"lease\" : 2 , \"b\" : [ 1 ] }", drop,
	    "{ \"b\" : [ 1 ] ", true);
	check_strip(
	    "{\t\"a\" :1,\"a\": 2 }", drop_none, "{\t\"a\" :1,\"a\": 2 ", true);
}
