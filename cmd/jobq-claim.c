/*
 * jobq-claim: takes jobs for the runner behind its pipe.
 */
#include "backoff.h"
#include "claim.h"
#include "clock.h"
#include "command.h"
#include "json.h"
#include "ring.h"
#include "member.h"
#include "page.h"
#include "store.h"

#include <string.h>
#include <unistd.h>

#include "banned.h"

static struct jobq_claim_options given = {
	.limit = -1,
};

static struct jobq_ring_options ring = { .ahead = -1, .for_ms = -1 };
static int64_t max_jobs = -1;
static const char *ahead = "auto", *backoff;

static const struct jobq_opt options[] = {
	{ "limit", 'n', JOBQ_OPT_INT, &given.limit, "N",
	    "claim the next N jobs and end", 0, INT64_MAX, NULL },
	{ "follow", 'f', JOBQ_OPT_FLAG, &given.follow, NULL,
	    "claim one job at a time, for as long as there is a reader", 0, 0,
	    NULL },
	{ "ring", 0, JOBQ_OPT_INT, &ring.places, "N",
	    "keep at most N jobs with a runner whose output comes back here", 1,
	    JOBQ_RING_MAX, NULL },
	{ "ahead", 0, JOBQ_OPT_STRING, &ahead, "auto|N",
	    "jobs that may wait in the runner (auto: up to 4, the "
	    "shorter they are)",
	    0, 0, NULL },
	{ "until-empty", 0, JOBQ_OPT_FLAG, &ring.until_empty, NULL,
	    "end when nothing is ready and none is outstanding", 0, 0, NULL },
	{ "until-done", 0, JOBQ_OPT_FLAG, &ring.until_done, NULL,
	    "end when nothing is pending or running anywhere", 0, 0, NULL },
	{ "max-jobs", 0, JOBQ_OPT_INT, &max_jobs, "N",
	    "end after N jobs of the ring", 0, INT64_MAX, NULL },
	{ "for", 0, JOBQ_OPT_DURATION, &ring.for_ms, "DURATION",
	    "end the ring after so long", 0, INT64_MAX, NULL },
	{ "queue", 'Q', JOBQ_OPT_LIST, &given.queues, "QUEUE",
	    "only from this queue; may stand several times", 0, 0, NULL },
	{ "flow", 0, JOBQ_OPT_STRING, &given.flow, "FLOW",
	    "only from this flow", 0, 0, NULL },
	{ "lease", 'l', JOBQ_OPT_DURATION, &given.lease_ms, "DURATION",
	    "how long a claim holds without a sign of life (30s)", 100,
	    INT64_MAX, NULL },
	{ "interval", 0, JOBQ_OPT_DURATION, &given.interval_ms, "DURATION",
	    "how often to look while there is nothing (1s; 3s where the "
	    "store rings)",
	    10, INT64_MAX, NULL },
	{ "store-retry", 0, JOBQ_OPT_DURATION, &given.retry_ms, "DURATION",
	    "try a store that is away again after so long at most (30s)", 100,
	    INT64_MAX, NULL },
	{ "ready", 0, JOBQ_OPT_STRING, &ring.ready, "URL",
	    "ask this before a job is taken, and wait until it answers 2xx", 0,
	    0, NULL },
	{ "backoff", 0, JOBQ_OPT_STRING, &backoff, "FIRST..MOST",
	    "wait exactly so long after errors, doubling, until a job is "
	    "completed",
	    0, 0, NULL },
	{ "log-polls", 0, JOBQ_OPT_FLAG, &ring.log_polls, NULL,
	    "say each look for jobs", 0, 0, NULL },
	{ "worker", 0, JOBQ_OPT_STRING, &given.worker, "NAME",
	    "claim under this name (host:pid:random)", 0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[options] <ids",
	"[options] -n N",
	"[options] --follow",
	"[options] --ring N [--until-empty | --until-done] <ring",
	NULL,
};

static const char *const examples[] = {
	"jobq-claim --follow | jobq-run -j 1 -- ./handler | jobq-report",
	"jobq-poll | grep urgent | jobq-claim | jobq-run -- ./handler "
	"| jobq-report",
	"mkfifo ring; jobq-claim --ring 4 <ring "
	"| jobq-run -j 4 -- ./handler >ring",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-claim",
	.summary = "take jobs from the store",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.reads_lines = true,
};

/* It stands in every line of the job, so it must be what a line may hold. */
static void
check_worker(void)
{
	struct jobq_buf line = JOBQ_BUF_INIT;
	struct jobq_buf text = JOBQ_BUF_INIT;
	size_t len = given.worker == NULL ? 0 : strlen(given.worker);
	const char *plain;

	if (given.worker == NULL)
		return;
	jobq_json_put_lossy(&line, given.worker, len);
	jobq_buf_reserve(&text, line.len + 1);
	if (jobq_utf8_valid(given.worker, len) != len ||
	    jobq_member_text(&text, "worker",
		(struct jobq_span){ line.data, line.len }, 1, JOBQ_NAME_MAX,
		true, &plain, NULL) != JOBQ_OK)
		jobq_command_misuse(
		    &command, "--worker takes 1 to 255 bytes of plain text");
	jobq_buf_release(&line);
	jobq_buf_release(&text);
}

/* What goes only with --ring, and what does not go with it. */
static void
check_ring(void)
{
	struct jobq_err err;

	if (ring.places == 0) {
		if (ring.until_empty || ring.until_done || max_jobs >= 0 ||
		    ring.for_ms >= 0 || strcmp(ahead, "auto") != 0 ||
		    ring.ready != NULL || backoff != NULL || ring.log_polls)
			jobq_command_misuse(&command,
			    "--ahead, --until-empty, --until-done, "
			    "--max-jobs, --for, --ready, --backoff and "
			    "--log-polls go with --ring");
		return;
	}
	if (given.follow || given.limit >= 0)
		jobq_command_misuse(&command,
		    "--ring goes neither with --follow nor with -n (see "
		    "--max-jobs)");
	if (strcmp(ahead, "auto") != 0 &&
	    jobq_int_parse(ahead, 0, JOBQ_RING_MAX, &ring.ahead, &err) !=
		JOBQ_OK)
		jobq_command_misuse(&command, "--ahead: %s", err.text);
	if (backoff != NULL &&
	    (jobq_backoff_parse(backoff, &ring.backoff_first_ms,
		 &ring.backoff_most_ms, &err) != JOBQ_OK ||
		(ring.backoff_first_ms == 0 &&
		    jobq_fail(&err, JOBQ_CONFIG, "it begins with none"))))
		jobq_command_misuse(&command, "--backoff: %s", err.text);
	if (isatty(STDIN_FILENO))
		jobq_command_misuse(&command,
		    "--ring reads what the runner "
		    "says: jobq-claim --ring 4 <fifo | jobq-run … >fifo");
	given.limit = max_jobs;
	ring.claim = given;
}

int
main(int argc, char **argv)
{
	struct jobq_store *store = NULL;
	struct jobq_err err;
	enum jobq_status status;

	jobq_command_start(&command, argc, argv);
	check_ring();
	given.from_ids = given.limit < 0 && !given.follow && !ring.places;
	if (given.from_ids && isatty(STDIN_FILENO))
		jobq_command_misuse(&command,
		    "give ids on standard input, or -n N, or --follow");
	check_worker();
	status =
	    jobq_store_open(command.store_url, JOBQ_STORE_CREATE, &store, &err);
	if (status == JOBQ_OK && ring.places == 0 &&
	    jobq_store_adapter(store)->ring)
		status = jobq_fail(&err, JOBQ_UNSUPPORTED,
		    "%s: what is claimed here can only be settled by the same "
		    "process: use the ring (jobq-work, or jobq-claim --ring N "
		    "with its pipe)",
		    jobq_store_name(store));
	if (status == JOBQ_OK)
		status = ring.places > 0
			     ? jobq_ring(&ring, store, &command, &err)
			     : jobq_claim(&given, store, &command, &err);
	if (status == JOBQ_EMPTY) {
		status = jobq_store_make(store, JOBQ_CALL_MS, &err);
		if (status == JOBQ_OK)
			status = JOBQ_EMPTY;
	}
	jobq_store_close(store);
	return jobq_command_end(&command, status, &err);
}
