#include "turn.h"

#include "buf.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/time.h>
#include <unistd.h>

#include "banned.h"

void
jobq_turn_init(struct jobq_turn *turn, const char *file)
{
	struct jobq_buf path = JOBQ_BUF_INIT;

	jobq_buf_printf(&path, "%s.turn", file);
	turn->path = jobq_buf_detach(&path);
	turn->fd = -1;
	turn->listen = -1;
}

void
jobq_turn_release(struct jobq_turn *turn)
{
	if (turn->fd >= 0)
		close(turn->fd);
	if (turn->listen >= 0)
		close(turn->listen);
	free(turn->path);
	turn->path = NULL;
}

/* Only there to interrupt flock(). */
static void
on_alarm(int number)
{
	(void)number;
}

/*
 * flock() knows no deadline, so an alarm interrupts it. The alarm repeats,
 * or one that fires just before the call would be lost.
 */
static int
lock_until(int fd, int64_t deadline)
{
	struct sigaction action = { .sa_handler = on_alarm }, old_action;
	struct itimerval timer = { .it_interval = { 0, 20000 } }, old_timer;
	int64_t left = deadline - jobq_mono_ms();
	sigset_t alarm_only, old_mask;
	int result, error;

	if (left <= 0) {
		errno = EINTR;
		return -1;
	}
	timer.it_value.tv_sec = (time_t)(left / 1000);
	timer.it_value.tv_usec = (suseconds_t)(left % 1000 * 1000);
	sigemptyset(&action.sa_mask);
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigaction(SIGALRM, &action, &old_action);
	sigprocmask(SIG_UNBLOCK, &alarm_only, &old_mask);
	setitimer(ITIMER_REAL, &timer, &old_timer);
	do
		result = flock(fd, LOCK_EX);
	while (result != 0 && errno == EINTR && jobq_mono_ms() < deadline);
	error = errno;
	setitimer(ITIMER_REAL, &old_timer, NULL);
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
	sigaction(SIGALRM, &old_action, NULL);
	errno = error;
	return result;
}

enum jobq_status
jobq_turn_take(struct jobq_turn *turn, int64_t deadline, struct jobq_err *err)
{
	if (turn->fd < 0)
		turn->fd = open(turn->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (turn->fd < 0)
		return jobq_fail(err,
		    errno == EROFS || errno == EACCES ? JOBQ_CONFIG : JOBQ_IO,
		    "unable to open '%s': %s", turn->path, strerror(errno));
	if (flock(turn->fd, LOCK_EX | LOCK_NB) == 0 ||
	    lock_until(turn->fd, deadline) == 0)
		return JOBQ_OK;
	if (errno == EINTR || errno == EWOULDBLOCK)
		return jobq_fail(err, JOBQ_AGAIN,
		    "another process has held its turn ('%s') all the time; "
		    "`fuser %s` shows which",
		    turn->path, turn->path);
	return jobq_fail(err, JOBQ_IO, "unable to lock '%s': %s", turn->path,
	    strerror(errno));
}

void
jobq_turn_give(struct jobq_turn *turn)
{
	flock(turn->fd, LOCK_UN);
}

void
jobq_turn_ring(struct jobq_turn *turn)
{
	/* A ring that fails costs others a polling interval, nothing else. */
	ssize_t rung = pwrite(turn->fd, "!", 1, 0);

	(void)rung;
}

int
jobq_turn_listen(struct jobq_turn *turn)
{
	if (turn->listen >= 0)
		return turn->listen;
	turn->listen = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (turn->listen >= 0 &&
	    inotify_add_watch(turn->listen, turn->path, IN_MODIFY) < 0) {
		close(turn->listen);
		turn->listen = -1;
	}
	return turn->listen;
}

void
jobq_turn_heard(struct jobq_turn *turn)
{
	char events[4096];

	while (
	    turn->listen >= 0 && read(turn->listen, events, sizeof events) > 0)
		continue;
}
