#include "loop.h"

#include "clock.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "banned.h"

#define TIMERS 200

static struct jobq_loop *loop;

static int order[TIMERS];
static int count;
static int heard;
static unsigned last_what;

struct numbered {
	struct jobq_timer timer;
	int number;
};

static void
note(void *context)
{
	const struct numbered *one = context;

	order[count++] = one->number;
}

static void
hear(void *context, unsigned what)
{
	(void)context;
	last_what = what;
	heard++;
}

static void
make_pipe(int fd[2])
{
	check(pipe2(fd, O_CLOEXEC) == 0);
}

JOBQ_TEST(timers_are_due_in_order_of_time)
{
	static struct numbered one[TIMERS];
	int64_t now_ms = jobq_mono_ms();

	loop = jobq_loop_new();
	for (int i = 0; i < TIMERS; i++) {
		one[i].number = i * 7 % TIMERS;
		one[i].timer.due = note;
		one[i].timer.context = &one[i];
		jobq_timer_set(
		    loop, &one[i].timer, now_ms - TIMERS + one[i].number);
	}
	/* A third is stopped, a third is moved and back. */
	for (int i = 0; i < TIMERS; i += 3)
		jobq_timer_stop(loop, &one[i].timer);
	for (int i = 1; i < TIMERS; i += 3) {
		jobq_timer_set(loop, &one[i].timer, now_ms + 100000 + i);
		jobq_timer_set(
		    loop, &one[i].timer, now_ms - TIMERS + one[i].number);
	}
	jobq_loop_turn(loop, 0);
	check_int(count, TIMERS - (TIMERS + 2) / 3);
	for (int i = 1; i < count; i++)
		check(order[i - 1] < order[i]);
	for (int i = 0; i < TIMERS; i++)
		check_int(one[i].timer.at_ms, 0);
	jobq_loop_free(loop);
}

static void
set_again(void *context)
{
	struct jobq_timer *timer = context;

	count++;
	jobq_timer_set(loop, timer, jobq_mono_ms() - 1);
}

JOBQ_TEST(a_timer_that_sets_itself_lets_descriptors_have_their_turn)
{
	struct jobq_timer timer = { .due = set_again, .context = &timer };
	struct jobq_watch watch;
	int fd[2];

	loop = jobq_loop_new();
	make_pipe(fd);
	jobq_watch_add(loop, &watch, fd[1], JOBQ_WRITE, hear, NULL);
	jobq_timer_set(loop, &timer, 1);
	jobq_loop_turn(loop, -1);
	jobq_loop_turn(loop, -1);
	check_int(count, 2);
	check_int(heard, 2);
	jobq_loop_free(loop);
}

static void
stop_loop(void *context)
{
	(void)context;
	jobq_loop_stop(loop);
}

JOBQ_TEST(a_loop_runs_until_it_is_stopped)
{
	struct jobq_timer timer = { .due = stop_loop };
	int64_t begun_ms = jobq_mono_ms();

	loop = jobq_loop_new();
	jobq_timer_set(loop, &timer, begun_ms + 50);
	jobq_loop_run(loop);
	check(jobq_mono_ms() >= begun_ms + 50);
	jobq_loop_free(loop);
}

JOBQ_TEST(a_turn_waits_no_longer_than_asked)
{
	loop = jobq_loop_new();
	jobq_loop_turn(loop, 10);
	jobq_loop_turn(loop, 0);
	jobq_loop_free(loop);
}

JOBQ_TEST(only_what_is_wanted_is_told)
{
	struct jobq_watch watch;
	int fd[2];

	loop = jobq_loop_new();
	make_pipe(fd);
	jobq_watch_add(loop, &watch, fd[0], 0, hear, NULL);
	check(write(fd[1], "x", 1) == 1);
	jobq_loop_turn(loop, 0);
	check_int(heard, 0);
	jobq_watch_want(loop, &watch, JOBQ_READ);
	jobq_loop_turn(loop, -1);
	jobq_loop_turn(loop, -1);
	check_int(heard, 2);
	check_int(last_what, JOBQ_READ);
	jobq_watch_remove(loop, &watch);
	check_int(watch.fd, -1);
	jobq_loop_turn(loop, 0);
	check_int(heard, 2);
	jobq_loop_free(loop);
}

JOBQ_TEST(a_hang_up_is_told_once_to_who_wants_nothing)
{
	struct jobq_watch watch;
	int fd[2];

	loop = jobq_loop_new();
	make_pipe(fd);
	jobq_watch_add(loop, &watch, fd[1], 0, hear, NULL);
	close(fd[0]);
	jobq_loop_turn(loop, -1);
	check_int(last_what, JOBQ_HANGUP);
	jobq_loop_turn(loop, 0);
	check_int(heard, 1);
	/* Who wants to write is told so that the write can say why. */
	jobq_watch_want(loop, &watch, JOBQ_WRITE);
	jobq_loop_turn(loop, -1);
	check_int(last_what, JOBQ_HANGUP | JOBQ_WRITE);
	jobq_loop_free(loop);
}

static void
remove_other(void *context, unsigned what)
{
	(void)what;
	heard++;
	jobq_watch_remove(loop, context);
}

JOBQ_TEST(a_watch_removed_in_the_same_turn_is_not_served)
{
	struct jobq_watch watch[2];
	int fd[2][2];

	loop = jobq_loop_new();
	for (int i = 0; i < 2; i++) {
		make_pipe(fd[i]);
		check(write(fd[i][1], "x", 1) == 1);
		jobq_watch_add(loop, &watch[i], fd[i][0], JOBQ_READ,
		    remove_other, &watch[1 - i]);
	}
	jobq_loop_turn(loop, -1);
	check_int(heard, 1);
	jobq_loop_free(loop);
}

static void
remove_itself(void *context, unsigned what)
{
	(void)what;
	heard++;
	jobq_watch_remove(loop, context);
}

JOBQ_TEST(a_regular_file_is_always_ready)
{
	struct jobq_watch watch, other;
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	int null_fd = open("/dev/null", O_RDONLY);

	loop = jobq_loop_new();
	check(fd >= 0 && null_fd >= 0);
	jobq_watch_add(loop, &watch, fd, JOBQ_READ, hear, NULL);
	jobq_watch_add(loop, &other, null_fd, JOBQ_READ, remove_itself, &other);
	check(watch.always);
	jobq_loop_turn(loop, -1);
	check_int(heard, 2);
	jobq_loop_turn(loop, -1);
	check_int(heard, 3);
	jobq_watch_want(loop, &watch, 0);
	jobq_loop_turn(loop, 0);
	check_int(heard, 3);
	jobq_watch_want(loop, &watch, JOBQ_WRITE);
	jobq_loop_turn(loop, -1);
	check_int(last_what, JOBQ_WRITE);
	jobq_watch_remove(loop, &watch);
	jobq_loop_turn(loop, 0);
	check_int(heard, 4);
	jobq_loop_free(loop);
}

static void
hear_signal(void *context, const struct signalfd_siginfo *info)
{
	(void)context;
	order[count++] = (int)info->ssi_signo;
}

JOBQ_TEST(signals_arrive_as_calls)
{
	static const int numbers[] = { SIGTERM, SIGUSR1, 0 };

	loop = jobq_loop_new();
	jobq_loop_signals(loop, numbers, hear_signal, NULL);
	raise(SIGTERM);
	raise(SIGUSR1);
	check_int(count, 0);
	jobq_loop_turn(loop, -1);
	check_int(count, 2);
	check_int(order[0] + order[1], SIGTERM + SIGUSR1);
	jobq_loop_free(loop);
}

static void
hear_input(void *context, unsigned what)
{
	char byte;

	(void)what;
	check(read(*(int *)context, &byte, 1) == 1);
	order[count++] = -1;
}

JOBQ_TEST(all_that_is_ready_goes_before_what_became_due)
{
	static struct numbered one = { .number = 1 };
	static struct jobq_watch watch[TIMERS - 1];
	static int fd[TIMERS - 1][2];

	loop = jobq_loop_new();
	for (int i = 0; i < TIMERS - 1; i++) {
		make_pipe(fd[i]);
		check(write(fd[i][1], "x", 1) == 1);
		jobq_watch_add(
		    loop, &watch[i], fd[i][0], JOBQ_READ, hear_input, fd[i]);
	}
	one.timer.due = note;
	one.timer.context = &one;
	jobq_timer_set(loop, &one.timer, jobq_mono_ms());
	jobq_loop_turn(loop, -1);
	check_int(count, TIMERS);
	check_int(order[TIMERS - 1], 1);
	for (int i = 0; i < TIMERS - 1; i++)
		jobq_watch_remove(loop, &watch[i]);
	jobq_loop_free(loop);
}

JOBQ_TEST(what_came_during_a_stop_goes_before_what_became_due)
{
	static struct numbered one = { .number = 1 };
	struct jobq_watch watch;
	int fd[2];

	make_pipe(fd);
	loop = jobq_loop_new();
	jobq_watch_add(loop, &watch, fd[0], JOBQ_READ, hear_input, &fd[0]);
	one.timer.due = note;
	one.timer.context = &one;
	if (fork() == 0) {
		usleep(100000);
		kill(getppid(), SIGSTOP);
		usleep(100000);
		check(write(fd[1], "x", 1) == 1);
		usleep(400000);
		kill(getppid(), SIGCONT);
		_exit(0);
	}
	jobq_timer_set(loop, &one.timer, jobq_mono_ms() + 400);
	while (count < 2)
		jobq_loop_turn(loop, -1);
	check_int(order[0], -1);
	check_int(order[1], 1);
	jobq_watch_remove(loop, &watch);
	jobq_loop_free(loop);
}
