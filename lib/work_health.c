/*
 * The teller: jobq-serve --health-only, started as the stages are, with what
 * health.h says that it gets. Where the store is not to be asked it gets
 * nothing of the store's either. However it fares, the work does not wait for
 * it: when it is gone it is started anew, once a second at most.
 */
#include "work_inside.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define REVIVE_MS 1000

static enum jobq_status
find_command(struct jobq_stage *teller, struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status = jobq_place_commands(&path, err);

	teller->name = "jobq-serve";
	if (status == JOBQ_OK) {
		jobq_buf_printf(&path, "/%s", teller->name);
		teller->path = jobq_xstrdup(path.data);
	}
	if (status == JOBQ_OK && access(teller->path, X_OK) != 0)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "--health is told by jobq-serve, and there is no '%s' to "
		    "start: %s; build jobq where libwebsockets is installed, "
		    "or leave --health out",
		    teller->path, strerror(errno));
	jobq_buf_release(&path);
	return status;
}

enum jobq_status
jobq_work_health_open(struct jobq_work *work, struct jobq_err *err)
{
	const struct jobq_work_options *options = work->options;
	struct jobq_stage *teller = &work->teller;
	struct jobq_buf of = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (options->health.where == NULL)
		return JOBQ_OK;
	status = find_command(teller, err);
	if (status == JOBQ_OK)
		status = jobq_health_open(&options->health, &work->health, err);
	if (status != JOBQ_OK)
		return status;
	/* What this process was started with is about another one. */
	unsetenv(JOBQ_HEALTH_OF);
	jobq_buf_printf(&of, JOBQ_HEALTH_OF "=%d", (int)getpid());
	if (options->health.asks_store)
		jobq_work_claim_env(&teller->env, options);
	else
		jobq_work_run_env(&teller->env);
	jobq_words_add(&teller->env, of.data);
	jobq_buf_release(&of);
	return JOBQ_OK;
}

/* 0, or the errno of what failed. */
static int
spawn(struct jobq_work *work)
{
	char *args[] = { (char *)work->teller.name, (char *)"--health-only",
		NULL };
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct jobq_child_spec spec = { .path = work->teller.path,
		.argv = args,
		.env = work->teller.env.item,
		.fd = { jobq_health_memory_fd(work->health), null_fd,
		    STDERR_FILENO, jobq_health_listen_fd(work->health) },
		.no_pidfd = true };
	bool in_exec;
	int error;

	if (null_fd < 0)
		return errno;
	work->teller.child.pidfd = -1;
	error = jobq_child_spawn(
	    work->spawner, &work->teller.child, &spec, &in_exec);
	close(null_fd);
	return error;
}

void
jobq_work_health_start(void *context)
{
	struct jobq_work *work = context;
	int error = spawn(work);

	work->teller_ms = jobq_mono_ms();
	if (error == 0)
		return;
	jobq_log_code(JOBQ_WARNING, "health_died", NULL,
	    "unable to start %s, which tells the health: %s; it is tried again",
	    work->teller.path, strerror(error));
	jobq_timer_set(work->loop, &work->revive, work->teller_ms + REVIVE_MS);
}

void
jobq_work_health_look(struct jobq_work *work)
{
	struct jobq_stage *teller = &work->teller;
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (teller->child.pid <= 0 ||
	    !jobq_child_reap(
		&teller->child, &teller->wait_status, &(struct rusage){ 0 }))
		return;
	jobq_work_put_end(&text, teller);
	jobq_log_code(JOBQ_WARNING, "health_died", NULL,
	    "%s, which tells the health; it is started again", text.data);
	jobq_buf_release(&text);
	jobq_timer_set(work->loop, &work->revive, work->teller_ms + REVIVE_MS);
}

void
jobq_work_health_close(struct jobq_work *work)
{
	struct jobq_stage *teller = &work->teller;

	if (teller->child.pid > 0)
		jobq_child_signal(&teller->child, SIGKILL);
	jobq_health_close(work->health);
	free(teller->path);
	jobq_words_release(&teller->env);
}
