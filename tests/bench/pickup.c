/*
 * pickup URL ROUNDS: from the begin of a push, by a process that is connected
 * already, to the job in the hands of a worker that waits for its doorbell.
 * Prints p50 and p99 in microseconds.
 */
#include "buf.h"
#include "store.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "banned.h"

#define WAIT_MS 10000
#define PAUSE_US 20000

static _Noreturn void
give_up(const struct jobq_err *err)
{
	fprintf(stderr, "pickup: %s\n", err->text);
	exit(75);
}

static double
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static struct jobq_store *
open_store(const char *url)
{
	struct jobq_store *store;
	struct jobq_err err;

	if (jobq_store_open(url, JOBQ_STORE_CREATE, &store, &err) != JOBQ_OK)
		give_up(&err);
	return store;
}

static void
call(struct jobq_store *store, enum jobq_verb verb,
    const struct jobq_buf *request, jobq_line_fn *line, void *context)
{
	struct jobq_err err;

	if (jobq_store_call(
		store, verb, request, WAIT_MS, line, context, &err) != JOBQ_OK)
		give_up(&err);
}

static enum jobq_status
take_line(void *context, const char *text, size_t len, struct jobq_err *err)
{
	(void)err;
	if (memmem(text, len, "\"lease\":", 8) != NULL)
		*(bool *)context = true;
	return JOBQ_OK;
}

/* Writes the time of each job that it gets; ends by a signal. */
static _Noreturn void
work(const char *url, int out)
{
	struct jobq_store *store = open_store(url);
	struct jobq_buf request = JOBQ_BUF_INIT;

	jobq_buf_puts(&request, "{\"limit\":9,\"worker\":\"bench\","
				"\"lease\":30,\"queues\":[],\"held\":[],"
				"\"events\":[]}");
	for (;;) {
		struct pollfd fd = { .events = POLLIN };
		bool got = false;
		double now;

		call(store, JOBQ_VERB_CLAIM, &request, take_line, &got);
		now = now_us();
		if (got && write(out, &now, sizeof now) != sizeof now)
			exit(75);
		fd.fd = jobq_store_fd(store);
		if (!got && poll(&fd, 1, 1000) == 1)
			jobq_store_heard(store);
	}
}

static int
compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void
push_all(struct jobq_store *store, int in, double *took, size_t rounds)
{
	struct jobq_buf request = JOBQ_BUF_INIT;

	for (size_t i = 0; i < rounds; i++) {
		double begun, got;

		usleep(PAUSE_US);
		begun = now_us();
		jobq_buf_clear(&request);
		jobq_buf_printf(&request,
		    "{\"jobs\":[{\"id\":\"pickup-%.0f\",\"queue\":\"default\","
		    "\"name\":\"n\",\"priority\":0,\"max_attempts\":5,"
		    "\"line\":\"{\\\"id\\\":\\\"pickup-%.0f\\\"\"}]}",
		    begun, begun);
		call(store, JOBQ_VERB_PUSH, &request, NULL, NULL);
		if (read(in, &got, sizeof got) != sizeof got)
			exit(75);
		took[i] = got - begun;
	}
	jobq_buf_release(&request);
}

int
main(int argc, char **argv)
{
	size_t rounds = argc == 3 ? (size_t)strtol(argv[2], NULL, 10) : 0;
	double *took = calloc(rounds + 1, sizeof *took);
	struct jobq_store *store;
	int ends[2];
	pid_t pid;

	if (rounds < 1 || took == NULL || pipe(ends) != 0) {
		fputs("usage: pickup URL ROUNDS\n", stderr);
		return 2;
	}
	pid = fork();
	if (pid < 0)
		return 75;
	if (pid == 0) {
		close(ends[0]);
		work(argv[1], ends[1]);
	}
	close(ends[1]);
	store = open_store(argv[1]);
	/* Until both are connected and have planned what they do. */
	push_all(store, ends[0], took, rounds < 20 ? rounds : 20);
	push_all(store, ends[0], took, rounds);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	qsort(took, rounds, sizeof *took, compare);
	printf("%.0f %.0f\n", took[rounds / 2], took[rounds * 99 / 100]);
	free(took);
	jobq_store_close(store);
	return 0;
}
