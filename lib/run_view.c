/*
 * A line for people on a terminal: how many are done, have failed and run,
 * how fast it goes, and, when the input is a file or has ended, how long it may
 * take yet.
 * It is drawn a few times a second at most, in place of the one before, and
 * taken away before anything else is written there.
 */
#include "run_engine.h"

#include "clock.h"
#include "mem.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define DRAW_MS 200
#define RATE_SECONDS 10

struct jobq_run_view {
	struct jobq_run *run;
	struct jobq_timer timer;
	int64_t begun_ms;
	int64_t input_bytes; /* of a file; 0: not known */
	bool drawn;
	/* done at the beginning of each of the last seconds */
	uint64_t done[RATE_SECONDS];
	int64_t second; /* that the newest entry is of */
};

static void
write_all(const struct jobq_run_view *view, const char *text, size_t len)
{
	/* A line that does not arrive is drawn again soon. */
	ssize_t put = write(view->run->options.view_fd, text, len);

	(void)put;
}

/* Jobs a second, of the last ten seconds or since the beginning. */
static double
rate(struct jobq_run_view *view, int64_t now_ms)
{
	uint64_t done = view->run->done;
	int64_t elapsed_ms = now_ms - view->begun_ms;
	int64_t second = elapsed_ms / 1000;

	while (view->second < second) {
		view->second++;
		view->done[view->second % RATE_SECONDS] = done;
	}
	if (second >= RATE_SECONDS) {
		int64_t from = second - RATE_SECONDS + 1;

		done -= view->done[from % RATE_SECONDS];
		elapsed_ms -= from * 1000;
	}
	return elapsed_ms > 0 ? (double)done * 1000 / (double)elapsed_ms : 0;
}

/*
 * How much of it is done: of the lines that were read so many have ended, and
 * of the file so much was read. 0: nobody knows.
 */
static double
share(const struct jobq_run_view *view)
{
	const struct jobq_run *run = view->run;
	double share = run->seq > 0 ? (double)run->done / (double)run->seq : 0;
	int64_t at;

	if (jobq_feed_ended(run))
		return share;
	at = (int64_t)lseek(run->options.in_fd, 0, SEEK_CUR);
	if (view->input_bytes == 0 || at <= 0 || at > view->input_bytes)
		return 0;
	return share * (double)at / (double)view->input_bytes;
}

/* As much time as the rest takes at the speed so far. */
static void
put_left(struct jobq_buf *out, const struct jobq_run_view *view, int64_t now_ms)
{
	double done = share(view);
	int64_t left;

	if (done <= 0 || done > 1)
		return;
	left = (int64_t)((double)(now_ms - view->begun_ms) / 1000 * (1 - done) /
			     done +
			 0.5);
	if (left >= 3600)
		jobq_buf_printf(out, ", %lld:%02lld:%02lld left",
		    (long long)(left / 3600), (long long)(left / 60 % 60),
		    (long long)(left % 60));
	else
		jobq_buf_printf(out, ", %lld:%02lld left",
		    (long long)(left / 60), (long long)(left % 60));
}

static void
draw(struct jobq_run_view *view)
{
	struct jobq_run *run = view->run;
	struct jobq_buf line = JOBQ_BUF_INIT;
	int64_t now_ms = jobq_mono_ms();
	struct pollfd terminal = { run->options.view_fd, POLLOUT, 0 };
	struct winsize size = { 0 };
	size_t most = 79;

	/* One that was stopped (^S) is not waited for. */
	if (poll(&terminal, 1, 0) <= 0)
		return;

	jobq_buf_printf(&line, "%llu done, %llu failed, %zu running",
	    (unsigned long long)(run->done - run->failed),
	    (unsigned long long)run->failed, run->tasks.count - run->waiting);
	if (run->later.count > 0)
		jobq_buf_printf(
		    &line, ", %zu tried again later", run->later.count);
	jobq_buf_printf(&line, ", %.1f/s", rate(view, now_ms));
	put_left(&line, view, now_ms);
	if (ioctl(run->options.view_fd, TIOCGWINSZ, &size) == 0 &&
	    size.ws_col > 1)
		most = (size_t)size.ws_col - 1;
	write_all(view, "\r", 1);
	write_all(view, line.data, line.len < most ? line.len : most);
	write_all(view, "\033[K", 3);
	view->drawn = true;
	jobq_buf_release(&line);
}

static void
due(void *context)
{
	struct jobq_run_view *view = context;

	draw(view);
	jobq_timer_set(view->run->loop, &view->timer, jobq_mono_ms() + DRAW_MS);
}

void
jobq_run_view_open(struct jobq_run *run)
{
	struct jobq_run_view *view;
	struct stat info;

	if (run->options.view_fd < 0)
		return;
	view = jobq_xcalloc(1, sizeof *view);
	view->run = run;
	view->begun_ms = jobq_mono_ms();
	view->timer.due = due;
	view->timer.context = view;
	if (fstat(run->options.in_fd, &info) == 0 && S_ISREG(info.st_mode))
		view->input_bytes = (int64_t)info.st_size;
	jobq_timer_set(run->loop, &view->timer, view->begun_ms + DRAW_MS);
	run->view = view;
}

void
jobq_run_view_clear(struct jobq_run *run)
{
	if (run->view == NULL || !run->view->drawn)
		return;
	write_all(run->view, "\r\033[K", 4);
	run->view->drawn = false;
}

void
jobq_run_view_close(struct jobq_run *run)
{
	if (run->view == NULL)
		return;
	jobq_run_view_clear(run);
	jobq_timer_stop(run->loop, &run->view->timer);
	free(run->view);
	run->view = NULL;
}
