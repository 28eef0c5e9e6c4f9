/*
 * pgclaim claim CONNINFO JOBS PROCESSES: the bound of what a queue in
 * PostgreSQL can do, by nothing but libpq. JOBS rows of a table are claimed
 * and deleted by PROCESSES, in batches of 500, until none is left. One trip
 * is one pipeline of two transactions: an UPDATE that claims the next batch,
 * and a DELETE of the one before. Prints jobs a second.
 *
 * pgclaim notify CONNINFO ROUNDS: the time from a NOTIFY of one connection to
 * its arrival at another that listens. Prints p50 and p99 in microseconds.
 *
 * pgclaim pickup CONNINFO ROUNDS: the time from the begin of an INSERT that
 * notifies to the answer of the UPDATE by which another, who listened, takes
 * the row. Both are committed, as a push and a claim are. Prints the same.
 *
 * A claim begins behind the last row that this process has had: without that
 * it would walk over the dead index entries of all rows claimed before. What
 * another gave back would be found by the last look, which begins at the
 * front. The table, jobq_pgclaim, is made and dropped here.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 500
#define ID_MAX 21 /* "-9223372036854775808" and a comma or NUL */
#define PROCESSES_MAX 64
#define WAIT_MS 10000
#define PAUSE_US 20000 /* between pickups, so that both are idle */

struct worker {
	PGconn *conn;
	long claimed, deleted;
	char after[ID_MAX];
	/* The batch in hand, as text of a bigint[]; "{}" for none. */
	char batch[BATCH * ID_MAX + 2];
};

struct process {
	pid_t pid;
	int ready; /* what work() writes comes here */
};

static _Noreturn void
give_up(PGconn *conn, const char *what)
{
	fprintf(stderr, "pgclaim: %s: %s\n", what, PQerrorMessage(conn));
	exit(75);
}

static double
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static PGconn *
open_conn(const char *conninfo)
{
	PGconn *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK)
		give_up(conn, "no connection");
	return conn;
}

static void
run(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK &&
	    PQresultStatus(result) != PGRES_TUPLES_OK)
		give_up(conn, sql);
	PQclear(result);
}

static void
prepare(PGconn *conn, const char *name, const char *sql)
{
	PGresult *result = PQprepare(conn, name, sql, 1, NULL);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		give_up(conn, name);
	PQclear(result);
}

static void
fill(PGconn *conn, const char *jobs)
{
	const char *const value[] = { jobs };
	PGresult *result;

	run(conn, "SET client_min_messages = warning");
	run(conn, "DROP TABLE IF EXISTS jobq_pgclaim");
	run(conn, "CREATE TABLE jobq_pgclaim (id bigint PRIMARY KEY,"
		  " payload text NOT NULL, state smallint NOT NULL DEFAULT 0)");
	result = PQexecParams(conn,
	    "INSERT INTO jobq_pgclaim SELECT n, concat('{\"input\":{\"n\":', n,"
	    " '},\"meta\":{\"from\":\"bench\"}}')"
	    " FROM generate_series(1, $1::bigint) n",
	    1, NULL, value, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		give_up(conn, "the table was not filled");
	PQclear(result);
	run(conn, "VACUUM ANALYZE jobq_pgclaim");
	run(conn, "CHECKPOINT");
}

/* Sends a prepared statement with one parameter, a transaction of its own. */
static void
send_one(PGconn *conn, const char *name, const char *parameter)
{
	const char *const value[] = { parameter };

	if (!PQsendQueryPrepared(conn, name, 1, value, NULL, NULL, 0) ||
	    !PQpipelineSync(conn))
		give_up(conn, name);
}

/* The result of the statement sent first; it is checked, and its end read. */
static PGresult *
receive_one(PGconn *conn, const char *name)
{
	PGresult *result = PQgetResult(conn), *end;

	if (PQresultStatus(result) != PGRES_COMMAND_OK &&
	    PQresultStatus(result) != PGRES_TUPLES_OK)
		give_up(conn, name);
	if (PQgetResult(conn) != NULL)
		give_up(conn, "one result was expected");
	end = PQgetResult(conn);
	if (PQresultStatus(end) != PGRES_PIPELINE_SYNC)
		give_up(conn, "the end of a transaction was expected");
	PQclear(end);
	return result;
}

/* The claimed rows become the batch in hand. Their order is not known. */
static int
take(struct worker *worker, PGresult *result)
{
	int rows = PQntuples(result);
	char *at = worker->batch;
	long after = atol(worker->after);

	*at++ = '{';
	for (int row = 0; row < rows; row++) {
		long id = atol(PQgetvalue(result, row, 0));

		if (PQgetlength(result, row, 1) == 0)
			give_up(worker->conn, "a row without its payload");
		at += snprintf(at, ID_MAX, row > 0 ? ",%ld" : "%ld", id);
		if (id > after)
			after = id;
	}
	memcpy(at, "}", 2);
	snprintf(
	    worker->after, sizeof worker->after, "%ld", rows > 0 ? after : 0);
	worker->claimed += rows;
	return rows;
}

/* Whether a trip brought or took rows, or began behind the front. */
static int
trip(struct worker *worker)
{
	int front = strcmp(worker->after, "0") == 0;
	PGresult *result;
	long deleted;
	int rows;

	send_one(worker->conn, "claim", worker->after);
	send_one(worker->conn, "delete", worker->batch);
	result = receive_one(worker->conn, "claim");
	rows = take(worker, result);
	PQclear(result);
	result = receive_one(worker->conn, "delete");
	deleted = atol(PQcmdTuples(result));
	PQclear(result);
	worker->deleted += deleted;
	return rows > 0 || deleted > 0 || !front;
}

/*
 * One process: says through ready that it can begin, begins when start is
 * closed, and writes how many rows it claimed and deleted.
 */
static void
work(const char *conninfo, int start, int ready)
{
	struct worker worker = { .after = "0", .batch = "{}" };
	long counts[2];
	char byte = 0;

	worker.conn = open_conn(conninfo);
	run(worker.conn, "SET enable_seqscan = off");
	prepare(worker.conn, "claim",
	    "UPDATE jobq_pgclaim SET state = 1 WHERE id = ANY (ARRAY("
	    "SELECT id FROM jobq_pgclaim WHERE state = 0 AND id > $1::bigint"
	    " ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED))"
	    " RETURNING id, payload");
	prepare(worker.conn, "delete",
	    "DELETE FROM jobq_pgclaim WHERE id = ANY ($1::bigint[])");
	if (!PQenterPipelineMode(worker.conn))
		give_up(worker.conn, "no pipeline mode");
	if (write(ready, &byte, 1) != 1 || read(start, &byte, 1) != 0)
		exit(75);
	while (trip(&worker))
		;
	counts[0] = worker.claimed;
	counts[1] = worker.deleted;
	PQfinish(worker.conn);
	if (write(ready, counts, sizeof counts) != (ssize_t)sizeof counts)
		exit(75);
	exit(0);
}

static _Noreturn void
stop(const struct process *process, long count)
{
	for (long i = 0; i < count; i++)
		kill(process[i].pid, SIGKILL);
	exit(75);
}

/* Returns when all are connected; they begin when *start is closed. */
static void
start_all(const char *conninfo, struct process *process, long count, int *start)
{
	int begin[2], ready[2];
	char byte;

	if (pipe(begin) != 0)
		exit(75);
	for (long i = 0; i < count; i++) {
		if (pipe(ready) != 0)
			stop(process, i);
		process[i].ready = ready[0];
		process[i].pid = fork();
		if (process[i].pid < 0)
			stop(process, i);
		if (process[i].pid == 0) {
			close(begin[1]);
			work(conninfo, begin[0], ready[1]);
		}
		close(ready[1]);
	}
	for (long i = 0; i < count; i++) {
		if (read(process[i].ready, &byte, 1) != 1)
			stop(process, count);
	}
	*start = begin[1];
}

/* Seconds that the processes took; exits unless they did all of the jobs. */
static double
race(const char *conninfo, long jobs, long count)
{
	struct process process[PROCESSES_MAX];
	long claimed = 0, deleted = 0, counts[2];
	double begun, took;
	int start;

	start_all(conninfo, process, count, &start);
	begun = now_us();
	close(start);
	for (long i = 0; i < count; i++) {
		if (read(process[i].ready, counts, sizeof counts) !=
		    (ssize_t)sizeof counts)
			stop(process, count);
		claimed += counts[0];
		deleted += counts[1];
	}
	took = (now_us() - begun) / 1e6;
	while (wait(NULL) > 0)
		;
	if (claimed != jobs || deleted != jobs) {
		fprintf(stderr,
		    "pgclaim: of %ld jobs %ld were claimed, %ld deleted\n",
		    jobs, claimed, deleted);
		exit(75);
	}
	return took;
}

static void
claim(const char *conninfo, const char *jobs, long processes)
{
	PGconn *conn = open_conn(conninfo);
	long count = strtol(jobs, NULL, 10);

	fill(conn, jobs);
	printf("%.0f\n", (double)count / race(conninfo, count, processes));
	run(conn, "DROP TABLE jobq_pgclaim");
	PQfinish(conn);
}

static void
await_notify(PGconn *conn)
{
	struct pollfd fd = { .fd = PQsocket(conn), .events = POLLIN };
	PGnotify *notify;

	while ((notify = PQnotifies(conn)) == NULL) {
		if (poll(&fd, 1, WAIT_MS) != 1 || !PQconsumeInput(conn))
			give_up(conn, "no notification came");
	}
	PQfreemem(notify);
}

static int
compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void
end_of_query(PGconn *conn, const char *sql)
{
	PGresult *result;

	while ((result = PQgetResult(conn)) != NULL) {
		if (PQresultStatus(result) != PGRES_COMMAND_OK &&
		    PQresultStatus(result) != PGRES_TUPLES_OK)
			give_up(conn, sql);
		PQclear(result);
	}
}

static void
take_one(PGconn *conn)
{
	PGresult *result = PQexecPrepared(conn, "take", 0, NULL, NULL, NULL, 0);

	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
		give_up(conn, "the row was not taken");
	PQclear(result);
}

/* From sql of one connection to its doorbell at another, that may take. */
static void
measure(const char *conninfo, const char *sql, int takes, size_t rounds)
{
	PGconn *listener = open_conn(conninfo), *sender = open_conn(conninfo);
	double *took = calloc(rounds, sizeof *took);

	if (took == NULL)
		exit(75);
	run(listener, "LISTEN jobq_pgclaim");
	if (takes) {
		run(listener, "SET enable_seqscan = off");
		prepare(listener, "take",
		    "UPDATE jobq_pgclaim SET state = 1 WHERE id = (SELECT id"
		    " FROM jobq_pgclaim WHERE state = 0 ORDER BY id LIMIT 1"
		    " FOR UPDATE SKIP LOCKED) RETURNING id, payload");
	}
	for (size_t i = 0; i < rounds; i++) {
		double begun = now_us();

		if (!PQsendQuery(sender, sql))
			give_up(sender, sql);
		await_notify(listener);
		if (takes)
			take_one(listener);
		took[i] = now_us() - begun;
		end_of_query(sender, sql);
		if (takes)
			usleep(PAUSE_US);
	}
	qsort(took, rounds, sizeof *took, compare);
	printf("%.0f %.0f\n", took[rounds / 2], took[rounds * 99 / 100]);
	free(took);
	PQfinish(listener);
	PQfinish(sender);
}

static void
pickup(const char *conninfo, size_t rounds)
{
	PGconn *conn = open_conn(conninfo);

	fill(conn, "0");
	run(conn, "ALTER TABLE jobq_pgclaim ALTER id"
		  " ADD GENERATED ALWAYS AS IDENTITY");
	run(conn, "CREATE INDEX ON jobq_pgclaim (id) WHERE state = 0");
	measure(conninfo,
	    "WITH made AS (INSERT INTO jobq_pgclaim (payload)"
	    " VALUES ('{}') RETURNING id)"
	    " SELECT id, pg_notify('jobq_pgclaim', '') FROM made",
	    1, rounds);
	run(conn, "DROP TABLE jobq_pgclaim");
	PQfinish(conn);
}

int
main(int argc, char **argv)
{
	long count = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
	long processes = argc > 4 ? strtol(argv[4], NULL, 10) : 0;

	if (argc == 5 && strcmp(argv[1], "claim") == 0 && count > 0 &&
	    processes > 0 && processes <= PROCESSES_MAX) {
		claim(argv[2], argv[3], processes);
	} else if (argc == 4 && strcmp(argv[1], "notify") == 0 && count > 0) {
		measure(argv[2], "NOTIFY jobq_pgclaim", 0, (size_t)count);
	} else if (argc == 4 && strcmp(argv[1], "pickup") == 0 && count > 0) {
		pickup(argv[2], (size_t)count);
	} else {
		fprintf(stderr, "usage: pgclaim claim CONNINFO JOBS PROCESSES\n"
				"       pgclaim notify CONNINFO ROUNDS\n"
				"       pgclaim pickup CONNINFO ROUNDS\n");
		return 2;
	}
	return 0;
}
