/*
 * The processes of a circle: two stages or three, each in a session of its own,
 * so that what a terminal sends to jobq-work reaches only that, and dead as
 * soon as it is. They get descriptors 0 to 2 and no other.
 *
 * jobq-work is a subreaper: when a runner is killed, its jobs' descendants
 * become children of jobq-work, which kills all that it does not know until
 * none is left. Where it cannot tell whose they are (it had children when it
 * began, or is the init of a container), only those count that have JOBQ_ID
 * in their environment.
 */
#include "work_inside.h"

#include "mem.h"
#include "place.h"

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define FDS_NEEDED 64
#define REHEARSAL_MS 10000

/* Our own 3 is closed by the exec: so the child has none. */
#define NO_FD 3

enum jobq_status
jobq_circle_open(struct jobq_work *work, struct jobq_err *err)
{
	static const char *const names[] = { "jobq-claim", "jobq-fetch",
		"jobq-run" };
	struct jobq_buf folder = JOBQ_BUF_INIT;
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status =
	    jobq_spawner_open(&work->spawner, FDS_NEEDED, err);

	if (status == JOBQ_OK)
		status = jobq_place_commands(&folder, err);
	for (int i = 0; i < JOBQ_STAGES && status == JOBQ_OK; i++) {
		jobq_buf_clear(&path);
		jobq_buf_printf(&path, "%s/%s", folder.data, names[i]);
		work->stage[i].name = names[i];
		work->stage[i].path = jobq_xstrdup(path.data);
	}
	jobq_buf_release(&folder);
	jobq_buf_release(&path);
	if (status != JOBQ_OK)
		return status;
	jobq_work_claim_env(&work->stage[JOBQ_CLAIM].env, work->options);
	jobq_work_run_env(&work->stage[JOBQ_FETCH].env);
	jobq_work_run_env(&work->stage[JOBQ_RUN].env);
	jobq_processes_children(work->spawner, &work->children);
	work->inherited = jobq_xcalloc(work->children.count, sizeof(pid_t));
	for (size_t i = 0; i < work->children.count; i++)
		work->inherited[work->inherited_count++] =
		    work->children.item[i].pid;
	return JOBQ_OK;
}

void
jobq_circle_close(struct jobq_work *work)
{
	for (int i = 0; i < JOBQ_STAGES; i++) {
		free(work->stage[i].path);
		jobq_words_release(&work->stage[i].env);
	}
	free(work->inherited);
	jobq_processes_release(&work->children);
	jobq_processes_release(&work->all);
	jobq_spawner_close(work->spawner);
}

static void
close_pipes(int (*pipes)[2], size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int side = 0; side < 2; side++)
			if (pipes[i][side] >= 0)
				close(pipes[i][side]);
}

static enum jobq_status
spawn(struct jobq_work *work, struct jobq_stage *stage, struct jobq_words *args,
    int in_fd, int out_fd, struct jobq_err *err)
{
	struct jobq_child_spec spec = { .path = stage->path,
		.argv = args->item,
		.env = stage->env.item,
		.fd = { in_fd, out_fd, STDERR_FILENO, NO_FD } };
	bool in_exec;
	int error =
	    jobq_child_spawn(work->spawner, &stage->child, &spec, &in_exec);

	stage->ended = false;
	if (error == 0)
		return JOBQ_OK;
	return jobq_fail(err, in_exec ? JOBQ_CONFIG : JOBQ_AGAIN,
	    "unable to start %s: %s", stage->path, strerror(error));
}

static void
run_args(struct jobq_work *work, struct jobq_words *args,
    const struct jobq_work_end *end)
{
	jobq_words_add(args, work->stage[JOBQ_RUN].name);
	jobq_work_run_args(args, work->options, end);
}

static void
fetch_args(struct jobq_work *work, struct jobq_words *args)
{
	jobq_words_add(args, work->stage[JOBQ_FETCH].name);
	jobq_work_fetch_args(args, work->options);
}

/* Runs a stage on nothing; the words are used up. */
static enum jobq_status
rehearse(struct jobq_work *work, struct jobq_stage *stage,
    struct jobq_words *args, struct jobq_err *err)
{
	struct pollfd poller = { .events = POLLIN };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	enum jobq_status status;

	if (null_fd < 0)
		return jobq_fail(err, JOBQ_IO, "unable to open /dev/null: %s",
		    strerror(errno));
	status = spawn(work, stage, args, null_fd, null_fd, err);
	close(null_fd);
	jobq_words_release(args);
	if (status != JOBQ_OK)
		return status;
	poller.fd = stage->child.pidfd;
	while (poll(&poller, 1, REHEARSAL_MS) < 0 && errno == EINTR)
		;
	if (poller.revents == 0)
		jobq_child_signal(&stage->child, SIGKILL);
	waitid(P_PID, (id_t)stage->child.pid, &(siginfo_t){ 0 },
	    WEXITED | WNOWAIT);
	jobq_child_reap(
	    &stage->child, &stage->wait_status, &(struct rusage){ 0 });
	if (jobq_stage_code(stage) != 2)
		return JOBQ_OK;
	err->text[0] = '\0';
	return JOBQ_CONFIG;
}

enum jobq_status
jobq_circle_rehearse(struct jobq_work *work, struct jobq_err *err)
{
	struct jobq_words args = { NULL, 0, 0 };
	enum jobq_status status;

	run_args(work, &args, &(struct jobq_work_end){ 0 });
	status = rehearse(work, &work->stage[JOBQ_RUN], &args, err);
	if (status != JOBQ_OK || work->options->fetch == NULL)
		return status;
	fetch_args(work, &args);
	return rehearse(work, &work->stage[JOBQ_FETCH], &args, err);
}

/* From claim, from the runner, from jobq-fetch, and from a copier to claim. */
enum { FROM_CLAIM, FROM_RUN, FROM_FETCH, FROM_COPIER, PIPES };

static enum jobq_status
make_pipe(int (*pipes)[2], int which, bool wanted, struct jobq_err *err)
{
	if (!wanted || pipe2(pipes[which], O_CLOEXEC) == 0)
		return JOBQ_OK;
	return jobq_fail(
	    err, JOBQ_AGAIN, "unable to make a pipe: %s", strerror(errno));
}

/* The runner and what stands before it, if anything does. */
static enum jobq_status
start_runner(struct jobq_work *work, const struct jobq_work_end *end,
    int (*pipes)[2], struct jobq_err *err)
{
	bool fetches = work->options->fetch != NULL;
	struct jobq_words args = { NULL, 0, 0 };
	enum jobq_status status;

	run_args(work, &args, end);
	status = spawn(work, &work->stage[JOBQ_RUN], &args,
	    pipes[fetches ? FROM_FETCH : FROM_CLAIM][0], pipes[FROM_RUN][1],
	    err);
	jobq_words_release(&args);
	if (status != JOBQ_OK || !fetches)
		return status;
	fetch_args(work, &args);
	status = spawn(work, &work->stage[JOBQ_FETCH], &args,
	    pipes[FROM_CLAIM][0], pipes[FROM_FETCH][1], err);
	jobq_words_release(&args);
	return status;
}

enum jobq_status
jobq_circle_start(struct jobq_work *work, const struct jobq_work_end *end,
    struct jobq_err *err)
{
	int pipes[PIPES][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 },
		{ -1, -1 } };
	bool copies = work->copier != NULL;
	struct jobq_words claim = { NULL, 0, 0 };
	enum jobq_status status = make_pipe(pipes, FROM_CLAIM, true, err);

	if (status == JOBQ_OK)
		status = make_pipe(pipes, FROM_RUN, true, err);
	if (status == JOBQ_OK)
		status = make_pipe(
		    pipes, FROM_FETCH, work->options->fetch != NULL, err);
	if (status == JOBQ_OK)
		status = make_pipe(pipes, FROM_COPIER, copies, err);
	if (status == JOBQ_OK)
		status = start_runner(work, end, pipes, err);
	jobq_words_add(&claim, work->stage[JOBQ_CLAIM].name);
	jobq_work_claim_args(&claim, work->options, end);
	if (status == JOBQ_OK)
		status = spawn(work, &work->stage[JOBQ_CLAIM], &claim,
		    pipes[copies ? FROM_COPIER : FROM_RUN][0],
		    pipes[FROM_CLAIM][1], err);
	if (status == JOBQ_OK && copies) {
		jobq_copier_begin(
		    work->copier, pipes[FROM_RUN][0], pipes[FROM_COPIER][1]);
		pipes[FROM_RUN][0] = pipes[FROM_COPIER][1] = -1;
	}
	/* A runner without claim sees the end of its input and ends. */
	close_pipes(pipes, PIPES);
	jobq_words_release(&claim);
	return status;
}

void
jobq_circle_signal(struct jobq_work *work, int stage, int signal_number)
{
	const struct jobq_child *child = &work->stage[stage].child;

	/* What claim has started for its store must not be torn from it. */
	if (child->pid > 0 && signal_number == SIGKILL)
		jobq_child_signal(child, signal_number);
	else if (child->pid > 0)
		kill(child->pid, signal_number);
}

int
jobq_stage_code(const struct jobq_stage *stage)
{
	return WIFEXITED(stage->wait_status) ? WEXITSTATUS(stage->wait_status)
					     : -1;
}

/* Whether it is one that jobq-work has started. */
static bool
is_own(const struct jobq_work *work, pid_t pid)
{
	for (int i = 0; i < JOBQ_STAGES; i++)
		if (pid == work->stage[i].child.pid)
			return true;
	return pid == work->teller.child.pid;
}

static bool
is_inherited(const struct jobq_work *work, pid_t pid)
{
	for (size_t i = 0; i < work->inherited_count; i++)
		if (pid == work->inherited[i])
			return true;
	return false;
}

void
jobq_circle_reap(struct jobq_work *work)
{
	struct rusage usage;

	for (int i = 0; i < JOBQ_STAGES; i++) {
		struct jobq_stage *stage = &work->stage[i];

		if (stage->child.pid > 0 &&
		    jobq_child_reap(&stage->child, &stage->wait_status, &usage))
			stage->ended = true;
	}
	jobq_processes_children(work->spawner, &work->children);
	for (size_t i = 0; i < work->children.count; i++)
		if (!is_own(work, work->children.item[i].pid))
			jobq_process_reap(&work->children.item[i]);
}

/* Whether an unknown child can only be what a runner left. */
static bool
tells_all(const struct jobq_work *work)
{
	return work->inherited_count == 0 && getpid() != 1;
}

static bool
is_named(const struct jobq_process *process)
{
	struct jobq_buf id = JOBQ_BUF_INIT;
	bool named = jobq_process_env(process, "JOBQ_ID", &id);

	jobq_buf_release(&id);
	return named;
}

/*
 * A pass that finds anything is followed by another: who has just died may
 * have left children to us since the list was made, and a process in the
 * middle of an exec shows no environment for a moment.
 */
bool
jobq_circle_sweep(struct jobq_work *work, bool again)
{
	bool listed = false;
	bool left = false;

	jobq_processes_children(work->spawner, &work->children);
	for (size_t i = 0; i < work->children.count; i++) {
		const struct jobq_process *child = &work->children.item[i];

		if (is_own(work, child->pid) || is_inherited(work, child->pid))
			continue;
		if (jobq_process_reap(child)) {
			left = true;
			continue;
		}
		if (!tells_all(work) && !is_named(child)) {
			left = left || !again;
			continue;
		}
		if (!listed)
			jobq_processes_all(work->spawner, &work->all);
		listed = left = true;
		jobq_tree_signal(&work->all, child->pid, 0, SIGKILL);
	}
	return left;
}
