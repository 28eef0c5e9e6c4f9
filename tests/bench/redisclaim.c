/*
 * redisclaim SOCKET PROCESSES JOBS [BATCH]: what a pipeline of bare commands
 * makes of a list in Redis, with results: a batch (500) of LMOVE takes jobs
 * into a list of what runs; with the next batch goes, for each of them, its
 * result by HSET, and LREM. No leases, no states, no events. Fills the list
 * first; prints the number of jobs and the rate.
 *
 * redisclaim publish SOCKET ROUNDS: the time of a round trip by PUBLISH: one
 * process publishes, another hears it and publishes, and the first hears that.
 * Prints p50 and p99 in microseconds.
 */
#include "clock.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "banned.h"

#define PAUSE_US 20000

static _Noreturn void
give_up(const char *text)
{
	fprintf(stderr, "redisclaim: %s\n", text);
	exit(75);
}

static redisContext *
meet(const char *path)
{
	redisContext *conn = redisConnectUnix(path);

	if (conn == NULL || conn->err != 0)
		give_up(conn == NULL ? "no memory" : conn->errstr);
	return conn;
}

static redisReply *
next(redisContext *conn)
{
	void *reply = NULL;

	if (redisGetReply(conn, &reply) != REDIS_OK)
		give_up(conn->errstr);
	return reply;
}

static void
fill(const char *path, long jobs)
{
	redisContext *conn = meet(path);

	freeReplyObject(redisCommand(conn, "DEL bare:ready bare:running "
					   "bare:result"));
	for (long i = 0; i < jobs; i++) {
		redisAppendCommand(conn,
		    "RPUSH bare:ready {\"id\":\"%s%ld\",\"queue\":\"default\","
		    "\"name\":\"default\",\"input\":%ld}",
		    "01a21aba-7869-72a4-a887-d542", 10000000 + i, i);
		if (i % 1000 == 999 || i + 1 == jobs)
			for (long n = i % 1000; n >= 0; n--)
				freeReplyObject(next(conn));
	}
	redisFree(conn);
}

/* What one process does; the number of jobs goes to out. */
static void
work(const char *path, long size, int out)
{
	redisContext *conn = meet(path);
	char **held = calloc((size_t)size, sizeof *held);
	long holds = 0, jobs = 0, settled;

	do {
		for (long i = 0; i < holds; i++) {
			redisAppendCommand(conn,
			    "HSET bare:result %b {\"exit\":0,\"seconds\":0.001,"
			    "\"user\":0.001,\"sys\":0.001,"
			    "\"max_rss\":1000000,\"dropped\":0}",
			    held[i] + 7, (size_t)36);
			redisAppendCommand(
			    conn, "LREM bare:running 1 %s", held[i]);
			free(held[i]);
		}
		for (long i = 0; i < size; i++)
			redisAppendCommand(
			    conn, "LMOVE bare:ready bare:running LEFT RIGHT");
		settled = 2 * holds;
		holds = 0;
		for (long i = 0; i < settled; i++)
			freeReplyObject(next(conn));
		for (long i = 0; i < size; i++) {
			redisReply *reply = next(conn);

			if (reply->type == REDIS_REPLY_STRING)
				held[holds++] = strdup(reply->str);
			freeReplyObject(reply);
		}
		jobs += holds;
	} while (holds > 0);
	free(held);
	redisFree(conn);
	if (write(out, &jobs, sizeof jobs) != sizeof jobs)
		exit(75);
}

/* A connection that hears a channel. */
static redisContext *
listen_to(const char *path, const char *channel)
{
	redisContext *conn = meet(path);

	freeReplyObject(redisCommand(conn, "SUBSCRIBE %s", channel));
	return conn;
}

static int
compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Idle between the rounds, as who waits for jobs is. */
static void
publish(const char *path, size_t rounds)
{
	redisContext *ear = listen_to(path, "bare:pong"), *mouth = meet(path);
	double *took = calloc(rounds, sizeof *took);
	pid_t echo;

	echo = fork();
	if (echo == 0) {
		redisContext *other = listen_to(path, "bare:ping");
		redisContext *back = meet(path);

		freeReplyObject(redisCommand(back, "PUBLISH bare:pong there"));
		for (;;) {
			freeReplyObject(next(other));
			freeReplyObject(
			    redisCommand(back, "PUBLISH bare:pong x"));
		}
	}
	if (echo < 0)
		give_up("unable to fork");
	freeReplyObject(next(ear));
	for (size_t i = 0; i < rounds; i++) {
		int64_t begun;

		usleep(PAUSE_US);
		begun = jobq_mono_ns();
		freeReplyObject(redisCommand(mouth, "PUBLISH bare:ping x"));
		freeReplyObject(next(ear));
		took[i] = (double)(jobq_mono_ns() - begun) / 1000;
	}
	kill(echo, SIGTERM);
	waitpid(echo, NULL, 0);
	qsort(took, rounds, sizeof *took, compare);
	printf("%.0f %.0f\n", took[rounds / 2], took[rounds * 99 / 100]);
	free(took);
	redisFree(ear);
	redisFree(mouth);
}

int
main(int argc, char **argv)
{
	long processes = argc > 3 ? strtol(argv[2], NULL, 10) : 0;
	long total = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
	long size = argc > 4 ? strtol(argv[4], NULL, 10) : 500;
	long jobs = 0, some;
	int64_t begun;
	int ends[2], status;

	if (argc == 4 && strcmp(argv[1], "publish") == 0 && total > 0) {
		publish(argv[2], (size_t)total);
		return 0;
	}
	if (processes < 1 || total < 1 || size < 1 || pipe(ends) < 0) {
		fputs("usage: redisclaim SOCKET PROCESSES JOBS [BATCH]\n"
		      "       redisclaim publish SOCKET ROUNDS\n",
		    stderr);
		return 2;
	}
	fill(argv[1], total);
	begun = jobq_mono_ms();
	for (long i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			give_up("unable to fork");
		if (pid == 0) {
			work(argv[1], size, ends[1]);
			_exit(0);
		}
	}
	for (long i = 0; i < processes; i++) {
		if (wait(&status) < 0 || status != 0)
			give_up("a process failed");
		if (read(ends[0], &some, sizeof some) == sizeof some)
			jobs += some;
	}
	printf("%ld %.0f\n", jobs,
	    (double)jobs * 1000 / (double)(jobq_mono_ms() - begun));
	return 0;
}
