/*
 * Stopping, and what signals ask for.
 *
 * A stop: claim gets TERM and claims no more; a moment later, so that no job
 * is on its way to a runner that has closed its input, fetch and run get TERM
 * and release or end what they have. All of that is settled, and both exit. At
 * once means: the runner kills; 500 ms later it is killed and claim settles
 * what is there; 400 ms later claim is killed.
 */
#include "work_inside.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "banned.h"

#define ASK_MS 50	 /* from TERM for claim to TERM for run */
#define FORCE_RUN_MS 500 /* for the runner to kill, and say so */
#define FORCE_CLAIM_MS 400
#define BEGIN_MS 1000 /* a stage has begun to hear signals by then */

static void
ask_due(void *context)
{
	jobq_circle_signal(context, JOBQ_FETCH, SIGTERM);
	jobq_circle_signal(context, JOBQ_RUN, SIGTERM);
}

/* The next step of an end at once. */
static void
force(struct jobq_work *work)
{
	int64_t now_ms = jobq_mono_ms();

	if (work->forced == 0) {
		/* Two different ones are two, also if it got none yet. */
		jobq_circle_signal(work, JOBQ_RUN, SIGTERM);
		jobq_circle_signal(work, JOBQ_RUN, SIGINT);
		jobq_timer_stop(work->loop, &work->ask);
		jobq_timer_set(work->loop, &work->bound, now_ms + FORCE_RUN_MS);
	} else if (work->forced == 1) {
		jobq_circle_signal(work, JOBQ_FETCH, SIGKILL);
		jobq_circle_signal(work, JOBQ_RUN, SIGKILL);
		jobq_circle_signal(work, JOBQ_CLAIM, SIGINT);
		jobq_timer_set(
		    work->loop, &work->bound, now_ms + FORCE_CLAIM_MS);
	} else {
		jobq_circle_signal(work, JOBQ_CLAIM, SIGKILL);
		jobq_circle_sweep(work, true);
		jobq_work_stopped(work, false);
	}
	work->forced++;
}

static void
bound_due(void *context)
{
	struct jobq_work *work = context;

	if (work->done) {
		work->leave = true;
		return;
	}
	if (work->forced == 0)
		jobq_log(JOBQ_WARNING,
		    "the stop takes longer than --shutdown allows");
	force(work);
}

static void
stop(struct jobq_work *work)
{
	int64_t now_ms = jobq_mono_ms();
	int64_t most_ms = work->options->shutdown_ms;

	work->stopping = true;
	jobq_notify_send(&work->notify, "STOPPING=1");
	jobq_work_publish(work);
	if (!work->runs) {
		jobq_work_stopped(work, true);
		return;
	}
	jobq_circle_signal(work, JOBQ_CLAIM, SIGTERM);
	jobq_timer_set(work->loop, &work->ask, now_ms + ASK_MS);
	if (most_ms == JOBQ_NOT_GIVEN || most_ms < 0)
		return;
	most_ms -= FORCE_RUN_MS + FORCE_CLAIM_MS;
	jobq_timer_set(
	    work->loop, &work->bound, now_ms + (most_ms > 0 ? most_ms : 0));
}

static void
stop_signal(struct jobq_work *work)
{
	if (work->done) {
		work->leave = true;
	} else if (!work->stopping) {
		jobq_log(JOBQ_WARNING, "stopping, again to force");
		stop(work);
	} else if (work->forced == 0) {
		force(work);
	}
}

void
jobq_work_reader_gone(void *context, int error)
{
	struct jobq_work *work = context;

	work->reader_gone = true;
	if (work->status <= JOBQ_EMPTY)
		work->err->text[0] = '\0';
	if (work->status <= JOBQ_EMPTY && error != EPIPE)
		jobq_fail(work->err, JOBQ_IO,
		    "unable to write to standard output: %s", strerror(error));
	if (!work->stopping && !work->done)
		stop(work);
}

static const char *
waits_for(const struct jobq_work *work)
{
	bool claim = work->stage[JOBQ_CLAIM].child.pid > 0;
	bool run = work->stage[JOBQ_RUN].child.pid > 0;
	bool fetch = work->stage[JOBQ_FETCH].child.pid > 0;

	return !work->runs	? "the time of a new circle"
	       : work->stopping ? "the stages to stop"
	       : claim && run	? "the stages, which say themselves"
	       : claim		? "jobq-claim to end"
	       : run		? "jobq-run to end"
	       : fetch		? "jobq-fetch to end"
				: "what jobs left behind to die";
}

static void
say_status(struct jobq_work *work)
{
	int64_t now_ms = jobq_mono_ms();

	jobq_log(JOBQ_CRITICAL,
	    "circle %d for %lld s, %d deaths; claim %d, run %d; waits for %s",
	    work->circles, (long long)(now_ms - work->begun_ms) / 1000,
	    work->deaths, (int)work->stage[JOBQ_CLAIM].child.pid,
	    (int)work->stage[JOBQ_RUN].child.pid, waits_for(work));
	/* It would end a stage that is not yet there to hear it. */
	if (now_ms - work->begun_ms >= BEGIN_MS)
		for (int i = 0; i < JOBQ_STAGES; i++)
			jobq_circle_signal(work, i, SIGUSR1);
}

static void
signalled(void *context, const struct signalfd_siginfo *info)
{
	struct jobq_work *work = context;

	if (info->ssi_signo == SIGUSR1)
		say_status(work);
	else if (info->ssi_signo == SIGCHLD)
		jobq_work_look(work);
	else
		stop_signal(work);
}

/* What is ignored, as in a shell's background or by nohup, stays so. */
void
jobq_work_signals(struct jobq_work *work)
{
	int numbers[6] = { SIGCHLD, SIGTERM, SIGUSR1 };
	static const int others[] = { SIGINT, SIGHUP };
	struct sigaction action;
	size_t count = 3;

	for (size_t i = 0; i < 2; i++)
		if (sigaction(others[i], NULL, &action) == 0 &&
		    action.sa_handler != SIG_IGN)
			numbers[count++] = others[i];
	jobq_loop_signals(work->loop, numbers, signalled, work);
}

void
jobq_work_stop_timers(struct jobq_work *work)
{
	work->ask = (struct jobq_timer){ .due = ask_due, .context = work };
	work->bound = (struct jobq_timer){ .due = bound_due, .context = work };
}
