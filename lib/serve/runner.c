/*
 * One epoll descriptor holds the pipes of the child and its pidfd, so that
 * the server's own loop watches one thing. What the child's input does not
 * take stands in a queue, which who puts lines into it bounds.
 *
 * The child dies with the server, and the processes of its jobs with it. What
 * those had started become children of the server, a subreaper, and are
 * killed when the child has died: they have JOBQ_ID or, of a coprocess,
 * JOBQ_TMPDIR in their environment.
 */
#include "runner.h"

#include "backoff.h"
#include "child.h"
#include "clock.h"
#include "line.h"
#include "log.h"
#include "mem.h"
#include "place.h"
#include "work_args.h"

#include <sys/epoll.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define FDS_NEEDED 64
#define REHEARSAL_MS 10000
#define DEATHS 5
#define WITHIN_MS 60000
#define SWEEP_MS 5000
#define READS_AT_ONCE 16

/* Our own 3 is closed by the exec: so the child has none. */
#define NO_FD 3

enum part { INPUT, OUTPUT, LIFE };

struct jobq_runner {
	const struct jobq_words *words;
	const struct jobq_runner_kind *kind;
	void *context;
	struct jobq_words env;
	struct jobq_buf path;
	struct jobq_spawner *spawner;
	struct jobq_processes children, all;
	struct jobq_child child; /* pid 0: it is not up */
	int epoll;
	struct jobq_reader reader;
	struct jobq_writer writer;
	bool writing; /* its input is watched */
	struct jobq_backoff backoff;
	int64_t begun_ms, start_ms, sweep_until_ms;
	int64_t death_ms[DEATHS];
	size_t deaths;
};

static enum jobq_status
spawn(struct jobq_runner *runner, int in_fd, int out_fd, struct jobq_err *err)
{
	struct jobq_child_spec spec = { .path = runner->path.data,
		.argv = runner->words->item,
		.env = runner->env.item,
		.fd = { in_fd, out_fd, STDERR_FILENO, NO_FD } };
	bool in_exec;
	int error =
	    jobq_child_spawn(runner->spawner, &runner->child, &spec, &in_exec);

	if (error == 0)
		return JOBQ_OK;
	return jobq_fail(err, in_exec ? JOBQ_CONFIG : JOBQ_AGAIN,
	    "unable to start %s: %s", runner->path.data, strerror(error));
}

/* --- the pipes ------------------------------------------------------------ */

static void
watch(struct jobq_runner *runner, int operation, enum part part, int fd)
{
	struct epoll_event event = { .events =
					 part == INPUT ? EPOLLOUT : EPOLLIN,
		.data.u32 = (uint32_t)part };

	epoll_ctl(runner->epoll, operation, fd, &event);
}

/* Writes what fits; the rest goes when there is room again. */
static void
feed(struct jobq_runner *runner)
{
	struct jobq_writer *writer = &runner->writer;
	struct jobq_err err;
	bool more = jobq_writer_step(writer, 0, &err) == JOBQ_OK &&
		    jobq_writer_pending(writer) > 0;

	/* Who cannot be written to is dead, which is heard of otherwise. */
	if (more != runner->writing)
		watch(runner, more ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, INPUT,
		    writer->fd);
	runner->writing = more;
}

/* Reads so often at most: a flood must not hold up the server. */
static void
hear(struct jobq_runner *runner, int times)
{
	struct jobq_reader *reader = &runner->reader;
	struct jobq_span line;
	struct jobq_err err;
	enum jobq_status status;

	while (!reader->eof && times-- > 0 &&
	       jobq_reader_fill(reader, &err) == JOBQ_OK) {
		while ((status = jobq_reader_next(reader, &line, &err)) !=
		       JOBQ_EMPTY)
			if (status == JOBQ_OK)
				runner->kind->line(
				    runner->context, line.at, line.len);
	}
	if (reader->eof)
		watch(runner, EPOLL_CTL_DEL, OUTPUT, reader->fd);
}

static void
close_pipes(struct jobq_runner *runner)
{
	if (runner->writer.fd >= 0)
		close(runner->writer.fd);
	if (runner->reader.fd >= 0)
		close(runner->reader.fd);
	jobq_writer_release(&runner->writer);
	jobq_reader_release(&runner->reader);
	runner->writer.fd = runner->reader.fd = -1;
	runner->writing = false;
}

static enum jobq_status
start(struct jobq_runner *runner, struct jobq_err *err)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	enum jobq_status status;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
	    fcntl(in[1], F_SETFL, O_NONBLOCK) != 0 ||
	    fcntl(out[0], F_SETFL, O_NONBLOCK) != 0)
		status = jobq_fail(err, JOBQ_AGAIN, "unable to make a pipe: %s",
		    strerror(errno));
	else
		status = spawn(runner, in[0], out[1], err);
	if (in[0] >= 0)
		close(in[0]);
	if (out[1] >= 0)
		close(out[1]);
	jobq_writer_init(&runner->writer, in[1]);
	jobq_reader_init(&runner->reader, out[0], JOBQ_STAGE_MAX);
	runner->begun_ms = jobq_mono_ms();
	if (status != JOBQ_OK) {
		close_pipes(runner);
		return status;
	}
	watch(runner, EPOLL_CTL_ADD, OUTPUT, out[0]);
	watch(runner, EPOLL_CTL_ADD, LIFE, runner->child.pidfd);
	return JOBQ_OK;
}

/* --- its death ------------------------------------------------------------ */

static bool
is_of_a_job(const struct jobq_process *process)
{
	struct jobq_buf value = JOBQ_BUF_INIT;
	bool is = jobq_process_env(process, "JOBQ_ID", &value) ||
		  jobq_process_env(process, "JOBQ_TMPDIR", &value);

	jobq_buf_release(&value);
	return is;
}

/* Reaps who was left to us, and after a death ends what it has left. */
static void
sweep(struct jobq_runner *runner)
{
	bool kills = jobq_mono_ms() < runner->sweep_until_ms;

	jobq_processes_children(runner->spawner, &runner->children);
	for (size_t i = 0; i < runner->children.count; i++) {
		const struct jobq_process *child = &runner->children.item[i];

		if (child->pid == runner->child.pid ||
		    jobq_process_reap(child) || !kills || !is_of_a_job(child))
			continue;
		jobq_processes_all(runner->spawner, &runner->all);
		jobq_tree_signal(&runner->all, child->pid, 0, SIGKILL);
	}
}

/* When to start it, after one more death. */
static void
plan_start(struct jobq_runner *runner, const char *how)
{
	int64_t now_ms = jobq_mono_ms(), wait_ms;

	if (now_ms - runner->begun_ms > WITHIN_MS)
		jobq_backoff_reset(&runner->backoff);
	wait_ms = jobq_backoff_fail(&runner->backoff);
	runner->start_ms = now_ms + wait_ms;
	runner->death_ms[runner->deaths++ % DEATHS] = now_ms;
	runner->sweep_until_ms = now_ms + SWEEP_MS;
	jobq_log(JOBQ_ERROR, "%s; it is started anew in %.1f s", how,
	    (double)wait_ms / 1000);
}

static void
bury(struct jobq_runner *runner)
{
	struct jobq_buf how = JOBQ_BUF_INIT;
	int status;

	hear(runner, INT_MAX);
	if (!jobq_child_reap(&runner->child, &status, &(struct rusage){ 0 }))
		return;
	close_pipes(runner);
	if (WIFEXITED(status))
		jobq_buf_printf(&how, "jobq-run ended with exit status %d",
		    WEXITSTATUS(status));
	else
		jobq_buf_printf(&how, "jobq-run was killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	plan_start(runner, how.data);
	runner->kind->died(runner->context, how.data);
	jobq_buf_release(&how);
	sweep(runner);
}

/* --- for the server ------------------------------------------------------- */

/* Waits for its end, throwing away what it says; whether it came. */
static bool
await(struct jobq_runner *runner, int64_t most_ms)
{
	int64_t until_ms = jobq_mono_ms() + most_ms, left_ms = most_ms;
	struct pollfd polled[2] = { { runner->child.pidfd, POLLIN, 0 },
		{ runner->reader.fd, POLLIN, 0 } };
	char bytes[4096];

	while (left_ms > 0 && !jobq_child_exited(&runner->child)) {
		poll(polled, 2, (int)left_ms);
		if (polled[1].revents != 0 &&
		    read(polled[1].fd, bytes, sizeof(bytes)) == 0)
			polled[1].fd = -1;
		left_ms = until_ms - jobq_mono_ms();
	}
	return jobq_child_exited(&runner->child);
}

static enum jobq_status
rehearse(struct jobq_runner *runner, struct jobq_err *err)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	enum jobq_status status;
	int code = 0;

	if (null_fd < 0)
		return jobq_fail(err, JOBQ_IO, "unable to open /dev/null: %s",
		    strerror(errno));
	status = spawn(runner, null_fd, null_fd, err);
	close(null_fd);
	if (status != JOBQ_OK)
		return status;
	if (!await(runner, REHEARSAL_MS)) {
		jobq_child_signal(&runner->child, SIGKILL);
		await(runner, REHEARSAL_MS);
	}
	jobq_child_reap(&runner->child, &code, &(struct rusage){ 0 });
	if (!WIFEXITED(code) || WEXITSTATUS(code) != 2)
		return JOBQ_OK;
	err->text[0] = '\0';
	return JOBQ_CONFIG;
}

enum jobq_status
jobq_runner_open(struct jobq_runner **out, const struct jobq_words *words,
    const struct jobq_runner_kind *kind, void *context, struct jobq_err *err)
{
	struct jobq_runner *runner = jobq_xcalloc(1, sizeof(*runner));
	enum jobq_status status;

	runner->words = words;
	runner->kind = kind;
	runner->context = context;
	runner->reader.fd = runner->writer.fd = -1;
	runner->backoff = (struct jobq_backoff)JOBQ_BACKOFF_INIT;
	jobq_work_run_env(&runner->env);
	status = jobq_spawner_open(&runner->spawner, FDS_NEEDED, err);
	runner->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (status == JOBQ_OK && runner->epoll < 0)
		status = jobq_fail(err, JOBQ_IO, "unable to watch jobq-run: %s",
		    strerror(errno));
	if (status == JOBQ_OK)
		status = jobq_place_commands(&runner->path, err);
	jobq_buf_puts(&runner->path, "/jobq-run");
	if (status == JOBQ_OK)
		status = rehearse(runner, err);
	if (status == JOBQ_OK)
		status = start(runner, err);
	if (status != JOBQ_OK) {
		jobq_runner_close(runner, true, false);
		return status;
	}
	*out = runner;
	return JOBQ_OK;
}

void
jobq_runner_close(struct jobq_runner *runner, bool idle, bool hurries)
{
	static const struct {
		int signal_number;
		int64_t wait_ms;
	} steps[] = { { 0, 2000 }, { SIGTERM, 1000 }, { SIGTERM, 1500 },
		{ SIGKILL, 1000 } };

	if (runner->child.pid > 0 && runner->writer.fd >= 0)
		close(runner->writer.fd);
	runner->writer.fd = -1;
	/* Two of the same kind would be one. */
	if (runner->child.pid > 0 && hurries)
		kill(runner->child.pid, SIGINT);
	for (size_t i = idle && !hurries ? 0 : 1;
	     runner->child.pid > 0 && i < sizeof(steps) / sizeof(*steps); i++) {
		kill(runner->child.pid, steps[i].signal_number);
		if (await(runner, steps[i].wait_ms))
			jobq_child_reap(
			    &runner->child, &(int){ 0 }, &(struct rusage){ 0 });
	}
	close_pipes(runner);
	if (runner->epoll >= 0)
		close(runner->epoll);
	jobq_spawner_close(runner->spawner);
	jobq_processes_release(&runner->children);
	jobq_processes_release(&runner->all);
	jobq_words_release(&runner->env);
	jobq_buf_release(&runner->path);
	free(runner);
}

int
jobq_runner_fd(const struct jobq_runner *runner)
{
	return runner->epoll;
}

void
jobq_runner_look(struct jobq_runner *runner)
{
	struct epoll_event event;

	/* One at a time: what one does may close what another is about. */
	for (int i = 0; i < 8 && epoll_wait(runner->epoll, &event, 1, 0) == 1;
	     i++) {
		if (event.data.u32 == INPUT)
			feed(runner);
		else if (event.data.u32 == OUTPUT)
			hear(runner, READS_AT_ONCE);
		else
			bury(runner);
	}
}

void
jobq_runner_tick(struct jobq_runner *runner)
{
	struct jobq_err err;

	sweep(runner);
	if (runner->child.pid > 0 || jobq_runner_is_hopeless(runner) ||
	    jobq_mono_ms() < runner->start_ms)
		return;
	if (start(runner, &err) != JOBQ_OK)
		plan_start(runner, err.text);
}

bool
jobq_runner_is_up(const struct jobq_runner *runner)
{
	return runner->child.pid > 0;
}

bool
jobq_runner_is_hopeless(const struct jobq_runner *runner)
{
	size_t oldest = runner->deaths % DEATHS;

	return runner->deaths >= DEATHS &&
	       jobq_mono_ms() - runner->death_ms[oldest] < WITHIN_MS;
}

void
jobq_runner_put(struct jobq_runner *runner, const char *line, size_t len)
{
	if (runner->child.pid <= 0)
		JOBQ_BUG("a line for a runner that is not there");
	jobq_writer_line(&runner->writer, line, len);
	feed(runner);
}
