/*
 * How claim waits. Its pipe is set to one page, so that the pipe is writable
 * only when the reader has taken everything: then, and only then, the next
 * job is claimed. (With a limit a batch is claimed at once and handed out in
 * the same way.)
 *
 *   pipe taken ──► claim ──► lines ──► write, a page per POLLOUT ──► taken?
 *       ▲            │ none                                            │
 *       │            ▼                                                 │
 *       │      wait: interval, next_in, the store's hint, an id        │
 *       └──────────────────────────────────────────────────────────────┘
 *
 * Beside it a timer renews, every third of a lease, what is printed and not
 * started. TERM or a reader that is gone: what has not been written is given
 * back to the store; what is in the pipe is the reader's.
 */
#include "claim.h"

#include "backoff.h"
#include "claim_held.h"
#include "claim_request.h"
#include "clock.h"
#include "event.h"
#include "input.h"
#include "line.h"
#include "log.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define PAGE_BYTES ((size_t)PIPE_BUF)

/* So many held jobs are looked at before their time, so that the list of
 * those that were started long ago does not grow with the speed. */
#define HELD_MANY ((size_t)4000)

struct claim {
	const struct jobq_claim_options *options;
	struct jobq_store *store;
	struct jobq_command *command;
	struct jobq_err *err;
	enum jobq_status status;
	struct jobq_loop *loop;
	struct jobq_watch out, in, hints;
	struct jobq_timer look, renew;
	struct jobq_writer writer;
	struct jobq_input input;
	struct jobq_object members; /* of a line of ids */
	struct jobq_buf request, id;
	struct jobq_held held;
	struct jobq_backoff backoff;
	char *worker;
	int64_t lease_ms;
	size_t held_left;	 /* jobs, after the last renewal */
	uint64_t added, written; /* bytes of output, so far */
	int64_t claimed;	 /* jobs, so far */
	int64_t got;		 /* jobs of the answer being read */
	int64_t next_in_ms;	 /* of its idle, or -1 */
	bool taken;		 /* the reader has taken everything */
	bool stopping;		 /* nothing more is claimed */
	bool reader_gone;
	bool said_buffering;
	int signals;
};

static void
finish(struct claim *claim, enum jobq_status status)
{
	claim->status = status;
	jobq_loop_stop(claim->loop);
}

/* While jobs are held a call must leave time to renew them. */
static int64_t
deadline_ms(const struct claim *claim)
{
	int64_t sixth = claim->lease_ms / 6;

	if (claim->held.count == 0 && !claim->options->follow)
		return 30000;
	return sixth < 1000 ? 1000 : sixth > 5000 ? 5000 : sixth;
}

static void
want_output(struct claim *claim)
{
	jobq_watch_want(claim->loop, &claim->out,
	    claim->taken && jobq_writer_pending(&claim->writer) == 0
		? 0
		: JOBQ_WRITE);
}

static void
print(struct claim *claim, const char *line, size_t len)
{
	jobq_writer_line(&claim->writer, line, len);
	claim->added += len + 1;
	claim->taken = false;
	want_output(claim);
}

static enum jobq_status
take_answer(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct claim *claim = context;
	struct jobq_event event = { 0 };
	enum jobq_status status;

	status = jobq_object_scan(&event.members, line, len, err);
	if (status == JOBQ_OK && jobq_line_is_event(&event.members)) {
		status = jobq_claim_event(
		    &event, line, len, &claim->next_in_ms, err);
	} else if (status == JOBQ_OK) {
		status = jobq_held_add(
		    &claim->held, &event.members, claim->added, err);
		claim->got++;
		print(claim, line, len);
	}
	jobq_event_release(&event);
	return status;
}

/* The store did not answer: a loop waits and tries again, others end. */
static void
claim_failed(
    struct claim *claim, enum jobq_status status, const struct jobq_err *why)
{
	bool fresh = jobq_backoff_fresh(&claim->backoff);
	int64_t wait;

	if ((status != JOBQ_AGAIN && status != JOBQ_IO) ||
	    !claim->options->follow) {
		*claim->err = *why;
		claim->stopping = true;
		claim->status = status;
		return;
	}
	wait = jobq_backoff_fail(&claim->backoff);
	jobq_log_code(fresh ? JOBQ_WARNING : JOBQ_DEBUG, "backend_unreachable",
	    NULL, "%s; trying again in %lld ms", why->text, (long long)wait);
	jobq_timer_set(claim->loop, &claim->look, jobq_mono_ms() + wait);
}

/* Renews what is held and sets the timer for the next time. */
static bool
renew(struct claim *claim)
{
	int64_t wait = claim->lease_ms / 3;
	struct jobq_err err;
	enum jobq_status status = JOBQ_OK;

	if (claim->held.count > 0)
		status = jobq_held_renew(
		    &claim->held, claim->store, deadline_ms(claim), &err);
	if (status != JOBQ_OK) {
		jobq_log_code(JOBQ_WARNING, "backend_unreachable", NULL,
		    "%s; what is claimed could not be renewed", err.text);
		wait = wait < 1000 ? wait : 1000;
	}
	claim->held_left = claim->held.count;
	jobq_timer_set(claim->loop, &claim->renew, jobq_mono_ms() + wait);
	return status == JOBQ_OK;
}

/* One call of the store; true when it gave at least one job. */
static bool
claim_jobs(struct claim *claim, int64_t limit, const char *id)
{
	struct jobq_err why;
	enum jobq_status status;

	jobq_claim_request(claim->options, claim->worker, claim->store, limit,
	    id, &claim->request);
	claim->got = 0;
	claim->next_in_ms = -1;
	status = jobq_store_call(claim->store, JOBQ_VERB_CLAIM, &claim->request,
	    deadline_ms(claim), take_answer, claim, &why);
	claim->claimed += claim->got;
	if (status != JOBQ_OK) {
		claim_failed(claim, status, &why);
		return false;
	}
	jobq_backoff_reset(&claim->backoff);
	if (claim->held.count >= HELD_MANY &&
	    claim->held.count >= 2 * claim->held_left)
		renew(claim);
	else if (claim->got > 0 && claim->renew.at_ms == 0)
		jobq_timer_set(claim->loop, &claim->renew,
		    jobq_mono_ms() + claim->lease_ms / 3);
	return claim->got > 0;
}

/*
 * Claims the jobs that standard input names, one by one, until one is there
 * to be handed out. Lines that are not for claim pass through.
 */
static void
claim_named(struct claim *claim)
{
	struct jobq_reader *reader = &claim->input.reader;
	struct jobq_span line;
	struct jobq_err err;
	enum jobq_status status;
	bool is_event = false;

	while (claim->taken && !claim->stopping) {
		status = jobq_reader_next(reader, &line, &err);
		if (status == JOBQ_EMPTY) {
			claim->stopping = reader->eof;
			break;
		}
		if (status == JOBQ_OK)
			status = jobq_claim_id(
			    line, &claim->members, &claim->id, &is_event, &err);
		if (status == JOBQ_INVALID) {
			if (jobq_input_bad(&claim->input, &err) != JOBQ_OK) {
				claim->stopping = true;
				claim->status = JOBQ_INVALID;
				*claim->err = err;
			}
		} else if (is_event) {
			print(claim, line.at, line.len);
		} else {
			claim_jobs(claim, 1, claim->id.data);
		}
	}
	jobq_watch_want(claim->loop, &claim->in,
	    claim->taken && !claim->stopping ? JOBQ_READ : 0);
}

static void
claim_next(struct claim *claim)
{
	int64_t left = claim->options->limit - claim->claimed;
	int64_t limit = 1;
	int64_t wait = jobq_claim_interval(claim->options, claim->store);

	if (claim->options->limit >= 0) {
		if (left <= 0) {
			claim->stopping = true;
			return;
		}
		if (!claim->options->follow)
			limit = left < JOBQ_PAGE_LINES ? left : JOBQ_PAGE_LINES;
	}
	if (claim_jobs(claim, limit, NULL) || claim->look.at_ms != 0)
		return;
	if (!claim->options->follow) {
		claim->stopping = true;
		return;
	}
	if (claim->next_in_ms >= 0 && claim->next_in_ms < wait)
		wait = claim->next_in_ms;
	jobq_timer_set(claim->loop, &claim->look, jobq_mono_ms() + wait);
}

/* What can be done now; everything that happens comes by here. */
static void
go_on(struct claim *claim)
{
	if (claim->taken && !claim->stopping && claim->look.at_ms == 0) {
		if (claim->options->from_ids)
			claim_named(claim);
		else
			claim_next(claim);
	}
	if (claim->stopping && claim->taken)
		jobq_loop_stop(claim->loop);
	want_output(claim);
}

/* Gives back what nobody will read, once nothing more is claimed. */
static void
give_back(struct claim *claim)
{
	struct jobq_buf *text = &claim->writer.buf;
	uint64_t from = UINT64_MAX;
	struct jobq_err err;
	size_t count;

	for (size_t i = 0; i < claim->held.count && from == UINT64_MAX; i++)
		if (claim->held.job[i].begin >= claim->written)
			from = claim->held.job[i].begin;
	if (from == UINT64_MAX)
		return;
	text->len -= (size_t)(claim->added - from);
	text->data[text->len] = '\0';
	claim->added = from;
	if (jobq_held_give_back(&claim->held, claim->store, from,
		deadline_ms(claim), &count, &err) != JOBQ_OK)
		jobq_log(JOBQ_WARNING,
		    "%s; %zu claimed jobs come back when their lease ends",
		    err.text, count);
}

/* Nothing more can be written: the reader is gone, or the disk is full. */
static void
output_failed(struct claim *claim, int error, const struct jobq_err *why)
{
	claim->stopping = true;
	give_back(claim);
	if (error == EPIPE)
		claim->reader_gone = true;
	else
		*claim->err = *why;
	finish(claim, JOBQ_IO);
}

static void
on_output(void *context, unsigned what)
{
	struct claim *claim = context;
	size_t before = jobq_writer_pending(&claim->writer);
	struct jobq_err err;

	if ((what & JOBQ_HANGUP) != 0) {
		output_failed(claim, EPIPE, NULL);
		return;
	}
	if (before > 0 &&
	    jobq_writer_step(&claim->writer, PAGE_BYTES, &err) != JOBQ_OK) {
		output_failed(claim, errno, &err);
		return;
	}
	claim->written += before - jobq_writer_pending(&claim->writer);
	claim->taken = before == 0;
	go_on(claim);
}

static void
on_input(void *context, unsigned what)
{
	struct claim *claim = context;
	enum jobq_status status;

	(void)what;
	status = jobq_reader_fill(&claim->input.reader, claim->err);
	if (status == JOBQ_IO) {
		claim->stopping = true;
		claim->status = status;
	}
	go_on(claim);
}

static void
on_look(void *context)
{
	go_on(context);
}

/* Others changed something: look at once, unless a look is not waited for. */
static void
on_hint(void *context, unsigned what)
{
	struct claim *claim = context;

	(void)what;
	jobq_store_heard(claim->store);
	if (claim->look.at_ms != 0 && claim->backoff.next_ms == 0) {
		jobq_timer_stop(claim->loop, &claim->look);
		go_on(claim);
	}
}

static void
on_renew(void *context)
{
	struct claim *claim = context;

	if (renew(claim) && claim->held.count > 0 && !claim->held.any_started &&
	    !claim->said_buffering) {
		claim->said_buffering = true;
		jobq_log(JOBQ_WARNING,
		    "%zu jobs are printed and none has started: a filter "
		    "behind may be holding them (jq --unbuffered, grep "
		    "--line-buffered)",
		    claim->held.count);
	}
	go_on(claim);
}

static void
on_signal(void *context, const struct signalfd_siginfo *info)
{
	struct claim *claim = context;

	if (info->ssi_signo == SIGUSR1) {
		jobq_log(JOBQ_CRITICAL,
		    "%lld claimed, %zu not started yet, %zu bytes to write; "
		    "waits for %s",
		    (long long)claim->claimed, claim->held.count,
		    jobq_writer_pending(&claim->writer),
		    !claim->taken	       ? "its reader"
		    : claim->options->from_ids ? "an id"
					       : "a job");
		return;
	}
	claim->stopping = true;
	if (++claim->signals > 1) {
		give_back(claim);
		finish(claim, JOBQ_AGAIN);
		jobq_fail(claim->err, JOBQ_AGAIN,
		    "stopped before its reader had taken everything");
		return;
	}
	jobq_log(JOBQ_WARNING, "stopping, again to force");
	give_back(claim);
	go_on(claim);
}

static void
start(struct claim *claim)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGUSR1, 0 };
	int hints = -1;

	signal(SIGPIPE, SIG_IGN);
	fcntl(STDOUT_FILENO, F_SETPIPE_SZ, (int)PAGE_BYTES);
	claim->loop = jobq_loop_new();
	claim->look.due = on_look;
	claim->look.context = claim;
	claim->renew.due = on_renew;
	claim->renew.context = claim;
	jobq_loop_signals(claim->loop, signals, on_signal, claim);
	jobq_watch_add(claim->loop, &claim->out, STDOUT_FILENO, JOBQ_WRITE,
	    on_output, claim);
	if (claim->options->from_ids)
		jobq_watch_add(
		    claim->loop, &claim->in, STDIN_FILENO, 0, on_input, claim);
	/* Closing one costs milliseconds, so only who waits listens. */
	if (claim->options->follow)
		hints = jobq_store_fd(claim->store);
	if (hints >= 0)
		jobq_watch_add(claim->loop, &claim->hints, hints, JOBQ_READ,
		    on_hint, claim);
}

static void
release(struct claim *claim)
{
	jobq_loop_free(claim->loop);
	jobq_writer_release(&claim->writer);
	jobq_input_close(&claim->input);
	jobq_object_release(&claim->members);
	jobq_buf_release(&claim->request);
	jobq_buf_release(&claim->id);
	jobq_held_release(&claim->held);
	free(claim->worker);
}

enum jobq_status
jobq_claim(const struct jobq_claim_options *options, struct jobq_store *store,
    struct jobq_command *command, struct jobq_err *err)
{
	struct claim claim = {
		.options = options,
		.store = store,
		.command = command,
		.err = err,
		.backoff = JOBQ_BACKOFF_INIT,
		.lease_ms = jobq_claim_lease_ms(options, store),
	};
	enum jobq_status status;

	if (options->retry_ms > 0)
		claim.backoff.most_ms = options->retry_ms;
	status = jobq_claim_worker(
	    options, jobq_store_adapter(store), &claim.worker, err);
	if (status == JOBQ_OK)
		status = jobq_input_open(
		    &claim.input, command, NULL, JOBQ_STAGE_MAX, err);
	if (status != JOBQ_OK) {
		free(claim.worker);
		return status;
	}
	claim.held.worker = claim.worker;
	jobq_writer_init(&claim.writer, STDOUT_FILENO);
	start(&claim);
	jobq_loop_run(claim.loop);
	status = claim.status;
	if (status == JOBQ_OK && claim.claimed == 0 && !options->follow)
		status = JOBQ_EMPTY;
	release(&claim);
	if (claim.reader_gone) {
		/* Nothing is held any more: end as any filter would. */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return status;
}
