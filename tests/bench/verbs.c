/*
 * verbs URL PROCESSES [JOBS [BATCH]]: jobs a second through the verb claim of
 * a store, which settles the batch before (500) and takes the next, by
 * PROCESSES at once, until nothing is ready or each has had so many. Prints
 * the number of jobs and the rate.
 */
#include "buf.h"
#include "clock.h"
#include "job.h"
#include "store.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "banned.h"

#define WAIT_MS 60000

struct batch {
	struct jobq_job job;
	struct jobq_buf events; /* of the jobs that the last claim gave */
	struct jobq_buf line;
	long jobs; /* that it gave */
};

static _Noreturn void
give_up(const struct jobq_err *err)
{
	fprintf(stderr, "verbs: %s\n", err->text);
	exit(75);
}

/* A job that comes is completed at once: its ending goes with the next call. */
static enum jobq_status
take_line(void *context, const char *text, size_t len, struct jobq_err *err)
{
	struct batch *batch = context;
	struct jobq_job *job = &batch->job;
	enum jobq_status status;

	if (memmem(text, len, "\"lease\":", 8) == NULL)
		return JOBQ_OK;
	status = jobq_object_scan(&job->members, text, len, err);
	if (status == JOBQ_OK)
		status = jobq_job_read(job, text, len, err);
	if (status != JOBQ_OK)
		return status;
	jobq_buf_clear(&batch->line);
	jobq_buf_printf(&batch->line,
	    "{\"event\":\"completed\",\"id\":\"%s\",\"epoch\":%" PRId64
	    ",\"worker\":\"%s\",\"n\":2,\"at\":\"2026-11-22T10:30:45.123Z\","
	    "\"exit\":0,\"seconds\":0.001,\"user\":0.001,\"sys\":0.001,"
	    "\"max_rss\":1000000,\"dropped\":0",
	    job->id, job->epoch, job->worker);
	jobq_buf_printf(&batch->events,
	    "%s{\"event\":\"completed\",\"id\":\"%s\",\"epoch\":%" PRId64
	    ",\"worker\":\"%s\",\"n\":2,\"line\":",
	    batch->jobs == 0 ? "" : ",", job->id, job->epoch, job->worker);
	jobq_json_put_string(&batch->events, batch->line.data, batch->line.len);
	jobq_buf_putc(&batch->events, '}');
	batch->jobs++;
	return JOBQ_OK;
}

/* What one process does; the number of jobs goes to out. */
static void
work(const char *url, long most, long size, int out)
{
	struct batch batch = { 0 };
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_store *store;
	struct jobq_err err;
	long jobs = 0;

	if (jobq_store_open(url, JOBQ_STORE_WRITE, &store, &err) != JOBQ_OK)
		give_up(&err);
	do {
		jobq_buf_clear(&request);
		jobq_buf_printf(&request,
		    "{\"limit\":%ld,\"worker\":\"bench:%d\",\"lease\":30,"
		    "\"queues\":[],\"held\":[],\"events\":[",
		    jobs < most ? size : 0L, (int)getpid());
		jobq_buf_add(&request, batch.events.data, batch.events.len);
		jobq_buf_puts(&request, "]}");
		jobq_buf_clear(&batch.events);
		batch.jobs = 0;
		if (jobq_store_call(store, JOBQ_VERB_CLAIM, &request, WAIT_MS,
			take_line, &batch, &err) != JOBQ_OK)
			give_up(&err);
		jobs += batch.jobs;
	} while (batch.jobs > 0);
	jobq_store_close(store);
	if (write(out, &jobs, sizeof jobs) != sizeof jobs)
		exit(75);
}

int
main(int argc, char **argv)
{
	long most = argc > 3 ? strtol(argv[3], NULL, 10) : LONG_MAX;
	long size = argc > 4 ? strtol(argv[4], NULL, 10) : 500;
	long processes = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	long jobs = 0, some;
	int64_t begun;
	int ends[2], status;

	if (processes < 1 || most < 1 || size < 1 || pipe(ends) < 0) {
		fputs("usage: verbs URL PROCESSES [JOBS [BATCH]]\n", stderr);
		return 2;
	}
	begun = jobq_mono_ms();
	for (long i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 75;
		if (pid == 0) {
			work(argv[1], most, size, ends[1]);
			_exit(0);
		}
	}
	for (long i = 0; i < processes; i++)
		if (wait(&status) < 0 || status != 0)
			return 75;
	close(ends[1]);
	while (read(ends[0], &some, sizeof some) == sizeof some)
		jobs += some;
	printf("%ld %ld\n", jobs, jobs * 1000 / (jobq_mono_ms() - begun + 1));
	return 0;
}
