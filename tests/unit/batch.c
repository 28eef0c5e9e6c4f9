#include "batch.h"
#include "../support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void
add_job(struct jobq_batch *batch, const char *line)
{
	struct jobq_job job = { 0 };
	struct jobq_err err;

	if (jobq_object_scan(&job.members, line, strlen(line), &err) !=
		JOBQ_OK ||
	    jobq_job_read(&job, line, strlen(line), &err) != JOBQ_OK)
		jobq_unit_fail(__FILE__, __LINE__, "%s: %s", line, err.text);
	jobq_batch_job(batch, &job, 1);
	jobq_job_release(&job);
}

static void
add_event(struct jobq_batch *batch, const char *line)
{
	struct jobq_event event = { 0 };
	struct jobq_err err;

	if (jobq_object_scan(&event.members, line, strlen(line), &err) !=
		JOBQ_OK ||
	    jobq_event_read(&event, line, strlen(line), &err) != JOBQ_OK)
		jobq_unit_fail(__FILE__, __LINE__, "%s: %s", line, err.text);
	jobq_batch_event(batch, &event, 1);
	jobq_event_release(&event);
}

/* The last entry, scanned; its kept line decoded. */
struct last {
	struct jobq_object members;
	struct jobq_buf line;
	struct jobq_span text;
};

static void
read_last(struct last *last, const struct jobq_batch *batch)
{
	struct jobq_err err;

	jobq_buf_clear(&last->line);
	last->text = jobq_batch_text(batch, &batch->entry[batch->count - 1]);
	if (jobq_object_scan(&last->members, last->text.at, last->text.len,
		&err) != JOBQ_OK ||
	    jobq_json_string(*jobq_object_get(&last->members, "line"),
		&last->line, &err) != JOBQ_OK)
		jobq_unit_fail(__FILE__, __LINE__, "%.*s: %s",
		    (int)last->text.len, last->text.at, err.text);
}

static void
release_last(struct last *last)
{
	jobq_object_release(&last->members);
	jobq_buf_release(&last->line);
}

/* A member of the last entry as JSON; NULL: it must not be there. */
static void
check_member(const struct last *last, const char *name, const char *wanted)
{
	const struct jobq_span *value = jobq_object_get(&last->members, name);

	if (value == NULL || wanted == NULL)
		check(value == NULL && wanted == NULL);
	else
		check_text(value->at, value->len, wanted);
}

/* Pushes one job; its kept line must be wanted. */
static void
check_kept(const char *line, const char *wanted)
{
	struct jobq_batch batch;
	struct last last = { 0 };

	jobq_batch_init(&batch, "jobs");
	add_job(&batch, line);
	read_last(&last, &batch);
	check_text(last.line.data, last.line.len, wanted);
	release_last(&last);
	jobq_batch_release(&batch);
}

#define DEFAULTS                                                      \
	",\"queue\":\"default\",\"name\":\"default\",\"priority\":0," \
	"\"max_attempts\":5"

JOBQ_TEST(a_job_keeps_its_bytes_and_gets_what_it_lacks)
{
	check_kept("{\"id\":\"a\"}", "{\"id\":\"a\"" DEFAULTS);
	check_kept("{ \"x\" : [ 1e400 , 1.10 ], \"id\":\"\\u0061\" ,\"s\":"
		   "\"\\u00e9\\/\\u0000\\ud800\" } ",
	    "{ \"x\" : [ 1e400 , 1.10 ], \"id\":\"\\u0061\" ,\"s\":"
	    "\"\\u00e9\\/\\u0000\\ud800\" " DEFAULTS);
	check_kept("{\"max_attempts\":2,\"priority\":-0,\"name\":\"n\","
		   "\"queue\":\"q\",\"id\":\"a\"}",
	    "{\"max_attempts\":2,\"priority\":-0,\"name\":\"n\","
	    "\"queue\":\"q\",\"id\":\"a\"");
}

JOBQ_TEST(a_null_is_filled_in_like_what_is_absent)
{
	check_kept("{\"id\":\"a\",\"queue\":null,\"priority\":null,"
		   "\"name\":null,\"max_attempts\":null,\"input\":null,"
		   "\"key\":null}",
	    "{\"id\":\"a\",\"input\":null,\"key\":null" DEFAULTS);
}

JOBQ_TEST(the_members_of_a_store_are_left_out_of_the_kept_line)
{
	check_kept("{\"state\":\"failed\",\"id\":\"a\",\"attempt\":3,"
		   "\"run_at\":\"2026-11-22T10:30:45Z\",\"lease\":{\"epoch\":1,"
		   "\"worker\":\"w\"},\"held\":{},\"ended\":{},\"rescues\":1,"
		   "\"why\":\"x\",\"pushed_at\":\"y\"}",
	    "{\"id\":\"a\"" DEFAULTS);
}

JOBQ_TEST(a_job_without_an_id_gets_one_in_front)
{
	static const char *const lines[] = { "{}", "{\"x\":1}",
		"{\"id\":null,\"x\":1}", "{\"x\":1,\"id\":null}" };
	char before[64] = "";

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct jobq_batch batch;
		struct last last = { 0 };
		const struct jobq_span *id;
		char wanted[200];

		jobq_batch_init(&batch, "jobs");
		add_job(&batch, lines[i]);
		read_last(&last, &batch);
		id = jobq_object_get(&last.members, "id");
		check_int(id->len, 38);
		check(strncmp(before, id->at, id->len) < 0);
		snprintf(before, sizeof before, "%.*s", (int)id->len, id->at);
		snprintf(wanted, sizeof wanted, "{\"id\":%s%s" DEFAULTS, before,
		    i == 0 ? "" : ",\"x\":1");
		check_text(last.line.data, last.line.len, wanted);
		release_last(&last);
		jobq_batch_release(&batch);
	}
}

JOBQ_TEST(the_envelope_of_a_job_is_decoded_for_the_store)
{
	struct jobq_batch batch;
	struct last last = { 0 };

	jobq_batch_init(&batch, "jobs");
	add_job(&batch,
	    "{\"id\":\"\\u0061\",\"queue\":\"\\u00e9\\/\",\"priority\":1e1,"
	    "\"run_at\":\"1970-01-01T01:00:01.5+01:00\",\"expires_at\":"
	    "\"1970-01-01T00:00:02Z\",\"key\":\"k\\n\",\"flow\":\"f\","
	    "\"needs\":[\"b\", \"c\"],\"state\":\"x\"}");
	read_last(&last, &batch);
	check_member(&last, "id", "\"a\"");
	check_member(&last, "queue", "\"\xc3\xa9/\"");
	check_member(&last, "name", "\"default\"");
	check_member(&last, "priority", "10");
	check_member(&last, "max_attempts", "5");
	check_member(&last, "run_at_ms", "1500");
	check_member(&last, "expires_at_ms", "2000");
	check_member(&last, "key", "\"k\\n\"");
	check_member(&last, "flow", "\"f\"");
	check_member(&last, "needs", "[\"b\", \"c\"]");
	check_member(&last, "state", NULL);

	add_job(&batch, "{\"id\":\"b\",\"needs\":[]}");
	read_last(&last, &batch);
	check_member(&last, "run_at_ms", NULL);
	check_member(&last, "expires_at_ms", NULL);
	check_member(&last, "key", NULL);
	check_member(&last, "needs", NULL);
	release_last(&last);
	jobq_batch_release(&batch);
}

JOBQ_TEST(an_event_is_kept_without_what_a_store_said_of_it)
{
	struct jobq_batch batch;
	struct last last = { 0 };

	jobq_batch_init(&batch, "events");
	add_event(&batch,
	    "{\"event\":\"failed\",\"id\":\"a\",\"epoch\":2,\"worker\":\"w\","
	    "\"n\":3,\"output\":[1.10,\"\\u0000\"],\"error\":\"\\u00e9\","
	    "\"reason\":\"exit\",\"retry\":false,\"retry_after\":0.5,"
	    "\"seq\":9,\"state\":\"failed\",\"run_at\":"
	    "\"2026-11-22T10:30:45Z\",\"settled\":true}");
	check_int(batch.entry[0].kind, JOBQ_EVENT_FAILED);
	read_last(&last, &batch);
	check_text(last.line.data, last.line.len,
	    "{\"event\":\"failed\",\"id\":\"a\",\"epoch\":2,\"worker\":\"w\","
	    "\"n\":3,\"output\":[1.10,\"\\u0000\"],\"error\":\"\\u00e9\","
	    "\"reason\":\"exit\",\"retry\":false,\"retry_after\":0.5");
	check_member(&last, "event", "\"failed\"");
	check_member(&last, "epoch", "2");
	check_member(&last, "n", "3");
	check_member(&last, "retry", "false");
	check_member(&last, "retry_after_ms", "500");
	check_member(&last, "error", "\"\xc3\xa9\"");
	check_member(&last, "reason", "\"exit\"");
	release_last(&last);
	jobq_batch_release(&batch);
}

JOBQ_TEST(an_alive_line_carries_its_jobs_and_whether_they_wait)
{
	struct jobq_batch batch;
	struct last last = { 0 };

	jobq_batch_init(&batch, "events");
	add_event(&batch,
	    "{\"event\":\"alive\",\"worker\":\"w\",\"n\":1,\"jobs\":[[\"a\",1]]"
	    ","
	    "\"lost\":[],\"started\":[[\"b\",1]],\"state\":\"kept\"}");
	read_last(&last, &batch);
	check_member(&last, "jobs", "[[\"a\",1]]");
	check_member(&last, "waiting", NULL);
	check_text(last.line.data, last.line.len,
	    "{\"event\":\"alive\",\"worker\":\"w\",\"n\":1,\"jobs\":[[\"a\",1]]"
	    ","
	    "\"state\":\"kept\"");
	add_event(&batch,
	    "{\"event\":\"alive\",\"worker\":\"w\",\"waiting\":true,"
	    "\"jobs\":[[\"a\",1]]}");
	read_last(&last, &batch);
	check_member(&last, "waiting", "true");
	release_last(&last);
	jobq_batch_release(&batch);
}

JOBQ_TEST(a_long_error_is_cut_between_characters)
{
	struct jobq_batch batch;
	struct last last = { 0 };
	struct jobq_buf line = JOBQ_BUF_INIT;
	const struct jobq_span *error;

	jobq_buf_puts(
	    &line, "{\"event\":\"failed\",\"id\":\"a\",\"error\":\"x");
	for (int i = 0; i < 1000; i++)
		jobq_buf_puts(&line, "\xc3\xa9");
	jobq_buf_puts(&line, "\"}");
	jobq_batch_init(&batch, "events");
	add_event(&batch, line.data);
	read_last(&last, &batch);
	error = jobq_object_get(&last.members, "error");
	check_int(error->len, 999 + 2);
	release_last(&last);
	jobq_batch_release(&batch);
	jobq_buf_release(&line);
}

JOBQ_TEST(a_batch_is_full_by_lines_or_by_bytes)
{
	struct jobq_batch batch;
	struct jobq_buf line = JOBQ_BUF_INIT;

	jobq_batch_init(&batch, "jobs");
	check(!jobq_batch_full(&batch));
	for (int i = 0; i < JOBQ_PAGE_LINES; i++) {
		check(!jobq_batch_full(&batch));
		add_job(&batch, "{}");
	}
	check(jobq_batch_full(&batch));
	jobq_batch_clear(&batch);
	check(!jobq_batch_full(&batch));
	check_int(batch.count, 0);

	jobq_buf_puts(&line, "{\"input\":\"");
	while (line.len < 1000000)
		jobq_buf_puts(&line, "xxxxxxxxxxxxxxxx");
	jobq_buf_puts(&line, "\"}");
	for (int i = 0; i < 4; i++)
		add_job(&batch, line.data);
	check(!jobq_batch_full(&batch));
	add_job(&batch, line.data);
	check(jobq_batch_full(&batch));
	jobq_batch_release(&batch);
	jobq_buf_release(&line);
}

/*
 * A store in shell that adds each request to the file "requests", refuses
 * what has the word poison in it, is away the first time that it sees the
 * word away, and answers a line for each job.
 */
static const char program[] =
    "#!/bin/sh\n"
    "request=$(cat)\n"
    "[ \"$1\" != init ] || exit 0\n"
    "printf '%s\\n' \"$request\" >>requests\n"
    "case $request in *poison*) exit 65 ;; esac\n"
    "case $request in *away*) [ -e seen ] || { >seen; exit 75; } ;; esac\n"
    "printf '%s\\n' \"$request\" | grep -o '\"id\":\"[a-z]*\",\"queue\"' |\n"
    "	sed 's/,.*/}/; s/^/{/'\n";

static struct jobq_store *
open_shell_store(void)
{
	struct jobq_store *store = NULL;
	struct jobq_err err;
	FILE *file;

	check_int(mkdir("shell", 0700), 0);
	file = fopen("shell/store", "w");
	fputs(program, file);
	fclose(file);
	check_int(chmod("shell/store", 0700), 0);
	file = fopen("shell/adapter.json", "w");
	fputs("{\"driver\":\"exec\",\"fencing\":\"epoch\",\"renews\":true,"
	      "\"lease\":30,\"verbs\":[\"init\",\"push\",\"list\",\"claim\","
	      "\"settle\"],\"reads\":[],\"hints\":[],\"cannot\":[]}",
	    file);
	fclose(file);
	if (jobq_store_open("exec:?adapter=./shell", JOBQ_STORE_CREATE, &store,
		&err) != JOBQ_OK)
		jobq_unit_fail(__FILE__, __LINE__, "%s", err.text);
	return store;
}

static enum jobq_status
gather(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_buf *out = context;

	(void)err;
	jobq_buf_add(out, line, len);
	return JOBQ_OK;
}

static enum jobq_status
note(void *context, const struct jobq_entry *entry, const struct jobq_err *why)
{
	struct jobq_buf *out = context;

	(void)why;
	jobq_buf_printf(out, "-%lu", entry->number);
	return JOBQ_OK;
}

/* How many requests the store has had since the last look. */
static int
count_requests(void)
{
	FILE *file = fopen("requests", "r");
	int count = 0;
	int c;

	if (file == NULL)
		return 0;
	while ((c = getc(file)) != EOF)
		count += c == '\n';
	fclose(file);
	remove("requests");
	return count;
}

JOBQ_TEST(a_batch_goes_in_one_request_singly_when_it_is_refused)
{
	struct jobq_store *store = open_shell_store();
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_batch batch;
	struct jobq_err err;

	jobq_batch_init(&batch, "jobs");
	add_job(&batch, "{\"id\":\"a\"}");
	add_job(&batch, "{\"id\":\"b\"}");
	check_int(jobq_batch_send(&batch, store, JOBQ_VERB_PUSH, 20000, gather,
		      note, &out, &err),
	    JOBQ_OK);
	check_str(out.data, "{\"id\":\"a\"}{\"id\":\"b\"}");
	check_int(count_requests(), 1);

	jobq_buf_clear(&out);
	add_job(&batch, "{\"id\":\"poison\"}");
	add_job(&batch, "{\"id\":\"c\"}");
	batch.entry[2].number = 7;
	check_int(jobq_batch_send(&batch, store, JOBQ_VERB_PUSH, 20000, gather,
		      note, &out, &err),
	    JOBQ_OK);
	check_str(out.data, "{\"id\":\"a\"}{\"id\":\"b\"}-7{\"id\":\"c\"}");
	check_int(count_requests(), 5);
	jobq_batch_release(&batch);
	jobq_buf_release(&out);
	jobq_store_close(store);
}

JOBQ_TEST(a_batch_that_was_cut_off_goes_on_behind_what_was_answered)
{
	struct jobq_store *store = open_shell_store();
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_batch batch;
	struct jobq_err err = { "" };

	jobq_batch_init(&batch, "jobs");
	add_job(&batch, "{\"id\":\"poison\"}");
	add_job(&batch, "{\"id\":\"a\"}");
	add_job(&batch, "{\"id\":\"away\"}");
	add_job(&batch, "{\"id\":\"b\"}");
	check_int(jobq_batch_send(&batch, store, JOBQ_VERB_PUSH, 20000, gather,
		      note, &out, &err),
	    JOBQ_AGAIN);
	check(err.text[0] != '\0');
	check_str(out.data, "-1{\"id\":\"a\"}");
	check_int(count_requests(), 4);
	check_int(jobq_batch_send(&batch, store, JOBQ_VERB_PUSH, 20000, gather,
		      note, &out, &err),
	    JOBQ_OK);
	check_str(out.data, "-1{\"id\":\"a\"}{\"id\":\"away\"}{\"id\":\"b\"}");
	check_int(count_requests(), 2);
	jobq_batch_clear(&batch);
	/* The next ones go in one request again. */
	add_job(&batch, "{\"id\":\"c\"}");
	add_job(&batch, "{\"id\":\"d\"}");
	check_int(jobq_batch_send(&batch, store, JOBQ_VERB_PUSH, 20000, gather,
		      note, &out, &err),
	    JOBQ_OK);
	check_int(count_requests(), 1);
	jobq_batch_release(&batch);
	jobq_buf_release(&out);
	jobq_store_close(store);
}
