/*
 * What a coprocess says. A line of its standard output is an answer,
 *
 *	{"id":ID,"output":ANY}
 *	{"id":ID,"error":TEXT,"retry":BOOL,"retry_after":SECONDS}
 *
 * or an event about a job it has in hand, or else output: of the last job
 * that it was given, for the line says not of which. A line that grows longer
 * than any answer may be becomes output as it comes; one that began as an
 * answer is shortened, so that its job does not wait for ever: its output is
 * counted as dropped.
 */
#include "run_coprocess.h"

#include <string.h>

#include "banned.h"

#define ANSWER_MORE ((size_t)4096) /* beyond the limit of output */
#define SHOWN_MAX 200

/* The job whose output it is, or NULL. */
static struct jobq_task *
last_given(const struct jobq_coprocess *co)
{
	return co->given > 0 ? co->task[co->given - 1] : NULL;
}

/* Once for each process. */
static void
complain(
    struct jobq_coprocess *co, const char *what, const char *text, size_t len)
{
	if (co->complained)
		return;
	co->complained = true;
	jobq_run_say(co->run, JOBQ_WARNING, "bad_answer", NULL,
	    "coprocess %d %s: %.*s", (int)co->process.child.pid, what,
	    (int)(len < SHOWN_MAX ? len : SHOWN_MAX), text);
}

static void
put_output(struct jobq_coprocess *co, const char *bytes, size_t len)
{
	struct jobq_task *task = last_given(co);

	if (task != NULL)
		jobq_tell_bytes(task, &task->out, bytes, len);
	else if (len > 0 && bytes[0] != '\n')
		complain(co, "writes while it has no job", bytes, len);
}

void
jobq_coprocess_err(struct jobq_coprocess *co, const char *bytes, size_t len)
{
	struct jobq_task *task = last_given(co);
	const char *end = memchr(bytes, '\n', len);

	if (task != NULL)
		jobq_tell_bytes(task, &task->err, bytes, len);
	else
		complain(co, "writes while it has no job", bytes,
		    end == NULL ? len : (size_t)(end - bytes));
}

/* --- whose line it is ---------------------------------------------------- */

static bool
is_epoch(const struct jobq_task *task, const struct jobq_span *epoch)
{
	int64_t number;

	return epoch == NULL || !task->job.has_lease ||
	       (jobq_json_int(*epoch, &number, NULL) == JOBQ_OK &&
		   number == task->job.epoch);
}

/* The job in hand that a line names; NULL after a complaint. */
static struct jobq_task *
find_task(struct jobq_coprocess *co, const struct jobq_object *members,
    const struct jobq_span *id)
{
	struct jobq_coprocesses *all = co->run->own;
	const struct jobq_span *epoch = jobq_object_get(members, "epoch");

	jobq_buf_clear(&all->text);
	if (jobq_json_string(*id, &all->text, NULL) == JOBQ_OK &&
	    all->text.len > 0)
		for (size_t i = 0; i < co->given; i++)
			if (strcmp(co->task[i]->id, all->text.data) == 0 &&
			    is_epoch(co->task[i], epoch))
				return co->task[i];
	complain(co, "answers for a job that it does not have (any more)",
	    id->at, id->len);
	return NULL;
}

/* --- endings ------------------------------------------------------------- */

/* What the coprocess has said is how the job went. */
static void
end_task(struct jobq_coprocess *co, struct jobq_task *task)
{
	jobq_coprocess_works(co);
	/* What it wrote before it answered is this job's. */
	jobq_coprocess_hear_err(co);
	jobq_coprocess_detach(task);
	jobq_task_post(task, JOBQ_EXIT);
	jobq_coprocess_write_soon(co);
}

static void
complete(struct jobq_task *task, const struct jobq_object *members)
{
	const struct jobq_span *output = jobq_object_get(members, "output");
	const struct jobq_coprocess *co = task->work;

	if (co->skipping && co->answer.output_len > 0)
		jobq_note_too_long(task, co->answer.output_len);
	else if (output != NULL)
		jobq_note_output(task, *output);
	task->outcome.known = task->outcome.answered = true;
}

static void
fail(struct jobq_task *task, const struct jobq_object *members)
{
	struct jobq_outcome *outcome = &task->outcome;
	const struct jobq_span *error = jobq_object_get(members, "error");
	const struct jobq_span *retry = jobq_object_get(members, "retry");
	const struct jobq_span *after = jobq_object_get(members, "retry_after");
	struct jobq_buf *whole = &task->notes.error;
	struct jobq_buf text = JOBQ_BUF_INIT;

	outcome->known = outcome->answered = outcome->failed = true;
	outcome->reason = "exit";
	outcome->retry = retry == NULL || !jobq_span_is(*retry, "false");
	if (after != NULL && outcome->retry)
		jobq_note_retry_after(task, *after);
	if (error == NULL)
		jobq_buf_puts(&text, "the coprocess says no more than that");
	else if (error->at[0] != '"')
		jobq_buf_add(&text, error->at, error->len);
	else if (error->len > 2) {
		jobq_note_error(task, *error);
		jobq_json_string(
		    (struct jobq_span){ whole->data, whole->len }, &text, NULL);
	}
	jobq_fail(&outcome->error, JOBQ_OK, "%s",
	    text.len > 0 ? text.data : "an error without a text");
	jobq_buf_release(&text);
}

static void
fail_for(struct jobq_task *task, const struct jobq_object *members)
{
	static const char *const reasons[] = { "exit", "signal", "timeout",
		"spawn", "http", "oom", "crash" };
	const struct jobq_span *reason = jobq_object_get(members, "reason");
	size_t count = sizeof(reasons) / sizeof(reasons[0]);

	fail(task, members);
	for (size_t i = 0; reason != NULL && i < count; i++)
		if (reason->len == strlen(reasons[i]) + 2 &&
		    memcmp(reason->at + 1, reasons[i], reason->len - 2) == 0)
			task->outcome.reason = reasons[i];
}

static void
snooze(struct jobq_task *task, const struct jobq_object *members)
{
	const struct jobq_span *after = jobq_object_get(members, "retry_after");
	const struct jobq_span usual = { "true", 4 };

	jobq_note_snooze(task, after != NULL ? *after : usual);
	if (task->notes.snooze_ms == JOBQ_ABSENT)
		jobq_note_snooze(task, usual);
	task->outcome.known = task->outcome.answered = true;
}

static void
cancel(struct jobq_task *task, const struct jobq_object *members)
{
	const struct jobq_span *reason = jobq_object_get(members, "reason");
	const struct jobq_span usual = { "\"cancel\"", 8 };

	jobq_note_cancel(
	    task, reason != NULL && reason->at[0] == '"' ? *reason : usual);
	task->outcome.known = task->outcome.answered = true;
}

/* An outcome that nobody knows makes it released. */
static void
release(struct jobq_task *task, const struct jobq_object *members)
{
	(void)members;
	task->outcome.known = false;
}

/* --- other events -------------------------------------------------------- */

static int
digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c != '\0' ? strchr(digits, c) : NULL;

	return found != NULL ? (int)(found - digits) : -1;
}

/* Decodes in place (RFC 4648); false when it is not base64. */
static bool
decode(struct jobq_buf *text)
{
	unsigned group = 0;
	size_t len = 0;
	int bits = 0;

	while (text->len > 0 && text->data[text->len - 1] == '=')
		text->len--;
	for (size_t i = 0; i < text->len; i++) {
		int value = digit(text->data[i]);

		if (value < 0)
			return false;
		group = (group << 6 | (unsigned)value) & 0xffffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		text->data[len++] = (char)(group >> bits & 0xff);
	}
	text->len = len;
	return true;
}

static bool
take_output(struct jobq_coprocess *co, struct jobq_task *task,
    const struct jobq_object *members)
{
	struct jobq_buf *text =
	    &((struct jobq_coprocesses *)co->run->own)->text;
	const struct jobq_span *stream = jobq_object_get(members, "stream");
	const struct jobq_span *value = jobq_object_get(members, "text");
	bool base64 = value == NULL;
	bool to_err = stream != NULL && jobq_span_is(*stream, "\"stderr\"");

	if (base64)
		value = jobq_object_get(members, "base64");
	jobq_buf_clear(text);
	if (value == NULL || jobq_json_string(*value, text, NULL) != JOBQ_OK ||
	    (base64 && !decode(text)))
		return false;
	if (co->skipping)
		task->notes.dropped += co->answer.cut_len;
	jobq_buf_putc(text, '\n');
	jobq_tell_bytes(
	    task, to_err ? &task->err : &task->out, text->data, text->len);
	return true;
}

/* False when it is no event that it could send. */
static bool
take_event(struct jobq_coprocess *co, const struct jobq_object *members,
    struct jobq_span name)
{
	static const struct {
		const char *name;
		void (*end)(struct jobq_task *, const struct jobq_object *);
	} endings[] = {
		{ "\"completed\"", complete },
		{ "\"failed\"", fail_for },
		{ "\"snoozed\"", snooze },
		{ "\"cancelled\"", cancel },
		{ "\"released\"", release },
	};
	const struct jobq_span *id = jobq_object_get(members, "id");
	struct jobq_task *task = co->given == 1 ? co->task[0] : NULL;

	if (id == NULL && task == NULL)
		return false;
	if (id != NULL)
		task = find_task(co, members, id);
	if (task == NULL)
		return true;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (!jobq_span_is(name, endings[i].name))
			continue;
		endings[i].end(task, members);
		end_task(co, task);
		return true;
	}
	if (jobq_span_is(name, "\"output\""))
		return take_output(co, task, members);
	if (!jobq_span_is(name, "\"progress\""))
		return false;
	jobq_note_progress(task, members);
	return true;
}

/* --- lines --------------------------------------------------------------- */

/* False when it is no answer. */
static bool
take_answer(struct jobq_coprocess *co, const struct jobq_object *members)
{
	const struct jobq_span *id = jobq_object_get(members, "id");
	const struct jobq_span *error = jobq_object_get(members, "error");
	struct jobq_task *task;

	if (error != NULL && jobq_span_is(*error, "null"))
		error = NULL;
	if (id == NULL ||
	    (error == NULL && jobq_object_get(members, "output") == NULL))
		return false;
	task = find_task(co, members, id);
	if (task == NULL)
		return true;
	if (error != NULL)
		fail(task, members);
	else
		complete(task, members);
	end_task(co, task);
	return true;
}

static bool
take_object(struct jobq_coprocess *co, const char *line, size_t len)
{
	struct jobq_object *members =
	    &((struct jobq_coprocesses *)co->run->own)->members;
	const struct jobq_span *event;

	if (jobq_object_scan(members, line, len, NULL) != JOBQ_OK)
		return false;
	event = jobq_object_get(members, "event");
	return event != NULL ? take_event(co, members, *event)
			     : take_answer(co, members);
}

static void
take_line(struct jobq_coprocess *co, const char *line, size_t len)
{
	size_t at = 0;

	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	if (at < len && line[at] == '{' && take_object(co, line, len))
		return;
	put_output(co, line, len);
	put_output(co, "\n", 1);
}

/* Inside a line that is too long; the end of one that began as an answer. */
static void
take_rest(struct jobq_coprocess *co, const char *bytes, size_t len, bool last)
{
	struct jobq_long *answer = &co->answer;

	if (!co->shortening) {
		put_output(co, bytes, len);
		if (last)
			put_output(co, "\n", 1);
	} else {
		jobq_long_add(answer, bytes, len);
		if (last && (answer->lost || !take_object(co, answer->text.data,
						 answer->text.len)))
			complain(co, "wrote a line too long for an answer",
			    answer->text.data, answer->text.len);
	}
	if (last)
		co->skipping = co->shortening = false;
}

/* What there is of a line shows that it is longer than an answer may be. */
static void
begin_rest(struct jobq_coprocess *co)
{
	struct jobq_buf *line = &co->line;

	co->skipping = true;
	co->shortening = jobq_long_is_answer(line->data, line->len);
	if (co->shortening)
		jobq_long_begin(
		    &co->answer, (size_t)co->run->options.output_limit_bytes);
	take_rest(co, line->data, line->len, false);
	jobq_buf_release(line);
}

/* A part of a line; last: it ends the line. */
static void
take_part(struct jobq_coprocess *co, const char *bytes, size_t len, bool last)
{
	size_t most = co->run->options.output_limit_bytes + ANSWER_MORE;
	struct jobq_buf *line = &co->line;

	if (!co->skipping && line->len + len > most) {
		size_t room = most - line->len;

		jobq_buf_add(line, bytes, room);
		bytes += room;
		len -= room;
		begin_rest(co);
	}
	if (co->skipping) {
		take_rest(co, bytes, len, last);
	} else if (last && line->len == 0) {
		take_line(co, bytes, len);
	} else {
		jobq_buf_add(line, bytes, len);
		if (!last)
			return;
		take_line(co, line->data, line->len);
		jobq_buf_clear(line);
	}
}

void
jobq_coprocess_out(struct jobq_coprocess *co, const char *bytes, size_t len)
{
	if (len == 0 && (co->line.len > 0 || co->skipping))
		take_part(co, "", 0, true);
	while (len > 0) {
		const char *newline = memchr(bytes, '\n', len);
		size_t part = newline != NULL ? (size_t)(newline - bytes) : len;

		take_part(co, bytes, part, newline != NULL);
		part += newline != NULL;
		bytes += part;
		len -= part;
	}
}
