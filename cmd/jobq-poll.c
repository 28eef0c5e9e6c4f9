/*
 * jobq-poll: what a worker could take now, in the order in which a claim
 * takes it. It takes nothing and writes nothing.
 */
#include "backoff.h"
#include "clock.h"
#include "command.h"
#include "line.h"
#include "log.h"
#include "mem.h"
#include "page.h"
#include "signals.h"
#include "store.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

static struct {
	struct jobq_list queues;
	int64_t limit, interval_ms;
	bool follow;
} given = { .limit = -1, .interval_ms = 5000 };

static const struct jobq_opt options[] = {
	{ "limit", 'n', JOBQ_OPT_INT, &given.limit, "N", "print at most N jobs",
	    0, INT64_MAX, NULL },
	{ "queue", 'Q', JOBQ_OPT_LIST, &given.queues, "QUEUE",
	    "only of this queue; may stand several times", 0, 0, NULL },
	{ "follow", 'f', JOBQ_OPT_FLAG, &given.follow, NULL,
	    "go on: print each job once per time it becomes ready", 0, 0,
	    NULL },
	{ "interval", 0, JOBQ_OPT_DURATION, &given.interval_ms, "DURATION",
	    "how often to look with --follow (5s)", 10, INT64_MAX, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = { "[options]", NULL };

static const char *const examples[] = {
	"jobq-poll | head -3",
	"jobq-poll | jq -c 'select(.priority > 5)' | jobq-claim",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-poll",
	.summary = "print the jobs that are ready",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
};

/* Which jobs a look has seen, each by a hash of what makes it ready anew. */
struct seen {
	uint64_t *hash;
	size_t count;
	size_t cap;
};

struct poll {
	struct jobq_store *store;
	struct jobq_writer out;
	struct jobq_buf request;
	struct seen before, now;
	int64_t printed;
	int asked; /* readable after a SIGUSR1 */
};

/* FNV-1a; a clash would hide one line of one look. */
static uint64_t
hash_member(uint64_t hash, const struct jobq_object *members, const char *name)
{
	const struct jobq_span *value = jobq_object_get(members, name);

	for (size_t i = 0; value != NULL && i < value->len; i++)
		hash = (hash ^ (unsigned char)value->at[i]) * 0x100000001b3u;
	return hash;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Remembers a job, and tells whether the last look had it too. */
static bool
was_seen(struct poll *poll, const struct jobq_object *members)
{
	uint64_t hash = 0xcbf29ce484222325u;

	hash = hash_member(hash, members, "id");
	hash = hash_member(hash, members, "attempt");
	hash = hash_member(hash, members, "run_at");
	/* One that was released has changed in nothing but its last end. */
	hash = hash_member(hash, members, "ended");
	poll->now.hash = jobq_grow(poll->now.hash, poll->now.count,
	    &poll->now.cap, sizeof *poll->now.hash);
	poll->now.hash[poll->now.count++] = hash;
	return poll->before.count > 0 &&
	       bsearch(&hash, poll->before.hash, poll->before.count,
		   sizeof hash, compare) != NULL;
}

static enum jobq_status
take_line(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct poll *poll = context;

	if (given.follow && was_seen(poll, members))
		return JOBQ_OK;
	if (given.limit >= 0 && poll->printed >= given.limit)
		return JOBQ_OK;
	poll->printed++;
	jobq_writer_line(&poll->out, line.at, line.len);
	return jobq_writer_pending(&poll->out) < 65536
		   ? JOBQ_OK
		   : jobq_writer_flush(&poll->out, err);
}

static enum jobq_status
look(struct poll *poll, struct jobq_err *err)
{
	struct jobq_pages pages = {
		.store = poll->store,
		.verb = JOBQ_VERB_LIST,
		.request = poll->request.data,
		.since = "after",
		.limit = given.follow ? -1 : given.limit,
	};
	struct seen old = poll->before;
	enum jobq_status status;

	status = jobq_pages_ask(&pages, take_line, poll, err);
	if (status == JOBQ_OK)
		status = jobq_writer_flush(&poll->out, err);
	jobq_pages_release(&pages);
	if (status == JOBQ_OK) {
		if (poll->now.count > 0)
			qsort(poll->now.hash, poll->now.count,
			    sizeof *poll->now.hash, compare);
		poll->before = poll->now;
		poll->now = old;
	}
	poll->now.count = 0;
	return status;
}

/* Until the interval is over, or the store hints that something changed. */
static enum jobq_status
wait_for_more(struct poll *state, int64_t wait_ms, struct jobq_err *err)
{
	struct pollfd fds[3] = {
		{ .fd = jobq_store_fd(state->store), .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 },
		{ .fd = state->asked, .events = POLLIN },
	};
	int ready;

	ready = poll(fds, 3, wait_ms > 1000000000 ? 1000000000 : (int)wait_ms);
	if (ready > 0 && (fds[1].revents & (POLLERR | POLLHUP)) != 0) {
		/* As a write would end it; unless that is ignored. */
		raise(SIGPIPE);
		return jobq_fail(err, JOBQ_IO,
		    "unable to write standard output: its reader is gone");
	}
	if (jobq_signals_heard(state->asked))
		jobq_log(JOBQ_CRITICAL,
		    "%lld printed, %zu ready at the last look; waits for jobs",
		    (long long)state->printed, state->before.count);
	jobq_store_heard(state->store);
	return JOBQ_OK;
}

static enum jobq_status
follow(struct poll *poll, struct jobq_err *err)
{
	struct jobq_backoff backoff = JOBQ_BACKOFF_INIT;
	enum jobq_status status;
	int64_t wait;

	poll->asked = jobq_signals_listen();
	for (;;) {
		status = look(poll, err);
		wait = given.interval_ms;
		if (status == JOBQ_AGAIN) {
			bool fresh = jobq_backoff_fresh(&backoff);

			wait = jobq_backoff_fail(&backoff);
			jobq_log_code(fresh ? JOBQ_WARNING : JOBQ_DEBUG,
			    "backend_unreachable", NULL,
			    "%s; trying again in %lld ms", err->text,
			    (long long)wait);
			status = JOBQ_OK;
		} else {
			jobq_backoff_reset(&backoff);
		}
		if (status != JOBQ_OK ||
		    (given.limit >= 0 && poll->printed >= given.limit))
			return status;
		status = wait_for_more(poll, wait, err);
		if (status != JOBQ_OK)
			return status;
	}
}

int
main(int argc, char **argv)
{
	struct poll poll = { .store = NULL };
	struct jobq_err err;
	enum jobq_status status;

	jobq_command_start(&command, argc, argv);
	jobq_writer_init(&poll.out, STDOUT_FILENO);
	jobq_buf_puts(&poll.request, "{\"by\":\"ready\"");
	for (size_t i = 0; i < given.queues.count; i++) {
		const char *queue = given.queues.item[i];

		jobq_buf_puts(&poll.request, i == 0 ? ",\"queues\":[" : ",");
		jobq_json_put_lossy(&poll.request, queue, strlen(queue));
	}
	if (given.queues.count > 0)
		jobq_buf_putc(&poll.request, ']');
	status = jobq_store_open(
	    command.store_url, JOBQ_STORE_READ, &poll.store, &err);
	if (status == JOBQ_OK)
		status = given.follow ? follow(&poll, &err) : look(&poll, &err);
	jobq_store_close(poll.store);
	jobq_writer_release(&poll.out);
	jobq_buf_release(&poll.request);
	free(poll.before.hash);
	free(poll.now.hash);
	return jobq_command_end(&command, status, &err);
}
