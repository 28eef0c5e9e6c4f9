/*
 * How a task ends. What decides, in this order: it was lost; cancelled; it
 * ran out of time; the runner itself ends (then a process that still exits 0
 * has completed); what the job said on descriptor 3 (cancel, snooze,
 * retry_after); its exit status. What a job gave as its result decides
 * nothing, except that --result json wants JSON of one that exits 0.
 */
#include "run_engine.h"

#include <sys/wait.h>
#include <string.h>

#include "banned.h"

/* Of the last line of standard error, in the error text. */
#define LAST_LINE_MAX ((size_t)256)

static bool
exited_zero(const struct jobq_task *task)
{
	return task->outcome.known && !task->outcome.failed &&
	       WIFEXITED(task->outcome.wait_status) &&
	       WEXITSTATUS(task->outcome.wait_status) == 0;
}

void
jobq_ending_last_line(const struct jobq_task *task, struct jobq_err *err)
{
	struct jobq_buf tail = JOBQ_BUF_INIT;
	const char *start;
	size_t len;

	jobq_stream_tail(&task->err, &tail);
	len = tail.len;
	while (len > 0 &&
	       (tail.data[len - 1] == '\n' || tail.data[len - 1] == '\r'))
		len--;
	start = len > 0 ? memrchr(tail.data, '\n', len) : NULL;
	start = start != NULL ? start + 1 : tail.data;
	if (len > 0) {
		len -= (size_t)(start - tail.data);
		if (len > LAST_LINE_MAX)
			len = LAST_LINE_MAX;
		jobq_fail(err, JOBQ_OK, "%s: %.*s", err->text, (int)len, start);
	}
	jobq_buf_release(&tail);
}

static void
fail(struct jobq_verdict *verdict, const char *reason, bool retry)
{
	verdict->kind = JOBQ_EVENT_FAILED;
	verdict->reason = reason;
	verdict->retry = retry;
}

/* An error that is known before, all of it where an answer has told it. */
static void
fail_known(
    struct jobq_verdict *verdict, const struct jobq_task *task, bool retry)
{
	fail(verdict, task->outcome.reason, retry);
	verdict->error = task->outcome.error;
	if (task->notes.error.len > 0)
		verdict->error_json = &task->notes.error;
}

static void
find_by_status(struct jobq_task *task, struct jobq_verdict *verdict,
    enum jobq_status result_status, const struct jobq_err *result_err)
{
	int wait_status = task->outcome.wait_status;
	int code = WEXITSTATUS(wait_status);

	if (task->outcome.failed) {
		fail_known(verdict, task, task->outcome.retry);
	} else if (WIFSIGNALED(wait_status)) {
		int number = WTERMSIG(wait_status);
		const char *name = sigdescr_np(number);

		fail(verdict, task->outcome.oom ? "oom" : "signal", true);
		if (task->outcome.oom)
			jobq_fail(&verdict->error, JOBQ_OK,
			    "out of memory: the kernel killed it when it had "
			    "%lld MiB",
			    (long long)(task->outcome.max_rss_bytes >> 20));
		else
			jobq_fail(&verdict->error, JOBQ_OK,
			    "killed by signal %d (%s)", number,
			    name != NULL ? name : "real-time");
		jobq_ending_last_line(task, &verdict->error);
	} else if (code != 0) {
		fail(verdict, "exit", !task->run->options.permanent[code]);
		jobq_fail(&verdict->error, JOBQ_OK, "exit status %d", code);
		jobq_ending_last_line(task, &verdict->error);
	} else if (result_status != JOBQ_OK) {
		fail(verdict,
		    task->outcome.reason != NULL ? task->outcome.reason
						 : "exit",
		    false);
		verdict->error = *result_err;
	} else {
		verdict->kind = JOBQ_EVENT_COMPLETED;
	}
}

/* What the job asked for on descriptor 3; false when it said nothing. */
static bool
find_by_notes(const struct jobq_task *task, struct jobq_verdict *verdict)
{
	const struct jobq_notes *notes = &task->notes;

	if (notes->cancel.len > 0) {
		verdict->kind = JOBQ_EVENT_CANCELLED;
		verdict->reason_json = &notes->cancel;
	} else if (notes->snooze_ms != JOBQ_ABSENT) {
		verdict->kind = JOBQ_EVENT_SNOOZED;
		verdict->retry_after_ms = notes->snooze_ms;
	} else if (notes->retry_after_ms != JOBQ_ABSENT) {
		verdict->retry_after_ms = notes->retry_after_ms;
		if (task->outcome.failed) {
			fail_known(verdict, task, true);
			return true;
		}
		if (WIFSIGNALED(task->outcome.wait_status))
			fail(verdict, "signal", true);
		else
			fail(verdict, "exit", true);
		jobq_fail(&verdict->error, JOBQ_OK,
		    "the job asked to be tried again later");
		jobq_ending_last_line(task, &verdict->error);
	} else {
		return false;
	}
	return true;
}

static void
release(struct jobq_verdict *verdict, const char *reason)
{
	verdict->kind = JOBQ_EVENT_RELEASED;
	verdict->reason = reason;
}

static void
time_out(const struct jobq_task *task, struct jobq_verdict *verdict)
{
	int64_t ms = task->job.timeout_ms != JOBQ_ABSENT
			 ? task->job.timeout_ms
			 : task->run->options.timeout_ms;

	fail(verdict, "timeout", true);
	jobq_fail(&verdict->error, JOBQ_OK,
	    "still running after its timeout of %lld.%03lld s",
	    (long long)(ms / 1000), (long long)(ms % 1000));
	jobq_ending_last_line(task, &verdict->error);
}

/* Of the text that nothing may need only the first byte. */
static void
forget(struct jobq_verdict *verdict)
{
	verdict->kind = JOBQ_EVENT_OTHER;
	verdict->reason = NULL;
	verdict->reason_json = NULL;
	verdict->result = NULL;
	verdict->retry = false;
	verdict->retry_after_ms = JOBQ_ABSENT;
	verdict->error.text[0] = '\0';
	verdict->error_json = NULL;
}

void
jobq_verdict_find(struct jobq_task *task, struct jobq_verdict *verdict)
{
	struct jobq_run *run = task->run;
	enum jobq_status result_status = JOBQ_OK;
	struct jobq_err err;

	forget(verdict);
	if (task->cause == JOBQ_CAUSE_LOST) {
		release(verdict, "lost");
		return;
	}
	if (task->cause == JOBQ_CAUSE_CANCEL) {
		verdict->kind = JOBQ_EVENT_CANCELLED;
		verdict->reason = "cancel";
		return;
	}
	if (task->outcome.known)
		result_status = jobq_result_make(task, &run->result, &err);
	if (task->cause == JOBQ_CAUSE_TIMEOUT)
		time_out(task, verdict);
	else if (task->cause == JOBQ_CAUSE_QUIT && !exited_zero(task))
		release(verdict, "shutdown");
	else if (task->serial != 0 && !task->outcome.known)
		release(verdict, "worker-fault"); /* nobody knows how it went */
	else if (!find_by_notes(task, verdict))
		find_by_status(task, verdict, result_status, &err);
	if (verdict->kind == JOBQ_EVENT_COMPLETED ||
	    (verdict->kind == JOBQ_EVENT_FAILED && task->outcome.known))
		verdict->result = &run->result;
}

/* --- the line ------------------------------------------------------------ */

static void
put_name(struct jobq_buf *out, const char *name)
{
	jobq_buf_puts(out, ",\"");
	jobq_buf_puts(out, name);
	jobq_buf_puts(out, "\":");
}

static void
put_int(struct jobq_buf *out, const char *name, int64_t number)
{
	put_name(out, name);
	jobq_buf_int(out, number);
}

/* Seconds with six decimals, or three when they are all it has. */
static void
put_seconds(struct jobq_buf *out, const char *name, int64_t us)
{
	int64_t part = us % 1000000;
	char digits[7] = { '.' };
	size_t len = sizeof(digits);

	put_int(out, name, us / 1000000);
	if (part == 0)
		return;
	for (size_t i = 6; i > 0; i--, part /= 10)
		digits[i] = (char)('0' + part % 10);
	if (us % 1000 == 0)
		len = 4;
	jobq_buf_add(out, digits, len);
}

static void
put_lossy(struct jobq_buf *out, const char *name, const char *text, size_t len)
{
	if (len == 0)
		return;
	put_name(out, name);
	jobq_json_put_lossy(out, text, len);
}

static void
put_tail(
    struct jobq_buf *out, const char *name, const struct jobq_stream *stream)
{
	struct jobq_buf tail = JOBQ_BUF_INIT;

	jobq_stream_tail(stream, &tail);
	put_lossy(out, name, tail.data, tail.len);
	jobq_buf_release(&tail);
}

/* How the process ended and what it used. */
static void
put_outcome(struct jobq_buf *out, const struct jobq_task *task)
{
	const struct jobq_outcome *outcome = &task->outcome;
	uint64_t dropped = task->out.over_bytes + task->err.over_bytes +
			   task->notes.dropped + task->run->result.dropped;

	/* Of an answer there is no process of this job alone. */
	if (WIFEXITED(outcome->wait_status) && !outcome->answered) {
		put_int(out, "exit", WEXITSTATUS(outcome->wait_status));
	} else if (!outcome->answered) {
		put_int(out, "signal", WTERMSIG(outcome->wait_status));
		if (WCOREDUMP(outcome->wait_status))
			jobq_buf_puts(out, ",\"core\":true");
	}
	put_seconds(
	    out, "seconds", (task->ended_ns - task->begun_ns) / 1000000 * 1000);
	if (!outcome->answered) {
		put_seconds(out, "user", outcome->user_us);
		put_seconds(out, "sys", outcome->sys_us);
		put_int(out, "max_rss", outcome->max_rss_bytes);
	}
	if (dropped > 0)
		put_int(out, "dropped", (int64_t)dropped);
	if (task->pipe_held)
		jobq_buf_puts(out, ",\"pipe_held\":true");
}

static void
put_error(struct jobq_buf *out, const struct jobq_verdict *verdict)
{
	const struct jobq_buf *json = verdict->error_json;
	const char *text = verdict->error.text;

	if (json == NULL) {
		put_lossy(out, "error", text, strlen(text));
		return;
	}
	put_name(out, "error");
	jobq_buf_add(out, json->data, json->len);
}

static void
put_failure(struct jobq_buf *out, const struct jobq_task *task,
    const struct jobq_verdict *verdict)
{
	put_error(out, verdict);
	put_tail(out, "stdout_tail", &task->out);
	put_tail(out, "stderr_tail", &task->err);
	put_name(out, "retry");
	jobq_buf_puts(out, verdict->retry ? "true" : "false");
}

static void
put_reason(struct jobq_buf *out, const struct jobq_verdict *verdict)
{
	if (verdict->reason_json != NULL) {
		put_name(out, "reason");
		jobq_buf_add(
		    out, verdict->reason_json->data, verdict->reason_json->len);
	} else if (verdict->reason != NULL) {
		put_name(out, "reason");
		jobq_json_put_string(
		    out, verdict->reason, strlen(verdict->reason));
	}
}

void
jobq_ending_tell(struct jobq_task *task, const struct jobq_verdict *verdict)
{
	const struct jobq_result *result = verdict->result;
	struct jobq_buf *out;

	if (task->serial != 0)
		jobq_tell_rest(task, result == NULL || !result->is_stdout);
	out = jobq_tell_begin(task, verdict->kind);
	put_reason(out, verdict);
	if (result != NULL) {
		jobq_buf_add(out, result->text.data, result->text.len);
		put_outcome(out, task);
	}
	if (verdict->kind == JOBQ_EVENT_FAILED)
		put_failure(out, task, verdict);
	if (verdict->retry_after_ms != JOBQ_ABSENT)
		put_seconds(out, "retry_after", verdict->retry_after_ms * 1000);
	jobq_tell_end(task);
}

void
jobq_attempt_tell(struct jobq_task *task, const struct jobq_verdict *verdict,
    int64_t delay_ms)
{
	struct jobq_buf *out;

	jobq_tell_rest(task, true);
	out = jobq_tell_begin(task, JOBQ_EVENT_PROGRESS);
	put_reason(out, verdict);
	put_int(out, "attempt", task->tries + 1);
	if (task->outcome.known)
		put_outcome(out, task);
	put_error(out, verdict);
	put_seconds(out, "retry_after", delay_ms * 1000);
	jobq_tell_end(task);
}

int
jobq_verdict_code(
    const struct jobq_task *task, const struct jobq_verdict *verdict)
{
	const struct jobq_outcome *outcome = &task->outcome;

	if (verdict->kind == JOBQ_EVENT_COMPLETED)
		return 0;
	if (verdict->reason != NULL && strcmp(verdict->reason, "timeout") == 0)
		return 124;
	if (verdict->kind == JOBQ_EVENT_RELEASED && task->run->signal != 0)
		return 128 + task->run->signal;
	if (!outcome->known)
		return 126;
	if (WIFSIGNALED(outcome->wait_status))
		return 128 + WTERMSIG(outcome->wait_status);
	if (outcome->failed || WEXITSTATUS(outcome->wait_status) == 0)
		return 1;
	return WEXITSTATUS(outcome->wait_status);
}
