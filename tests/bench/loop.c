/*
 * loop COUNT PROGRAM [ARGUMENT...]: the least that running a command for each
 * job takes, as the bound that jobq-run is measured against. COUNT jobs, two
 * at a time; each has four pipes, gets an input, and is read until the end of
 * all it writes. There is no job line, no event and no clock in it.
 *
 * A child is made as posix_spawn(3) makes it, by vfork(), and does before its
 * exec what a child of jobq-run does; posix_spawn() could not ask for the
 * signal at the parent's death. PROGRAM is a path.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACES 2
#define PIPES 4
#define ENDS (PIPES - 1) /* that we read */

extern char **environ;

static const char input[] = "{\"n\":12345}\n";

struct place {
	pid_t pid; /* 0: free */
	int open;  /* of our ends */
};

static struct place place[PLACES];
/* Of descriptors 1 to 3 of each place; -1: closed. */
static struct pollfd ours[PLACES * ENDS];

static void
die(const char *what)
{
	fprintf(stderr, "loop: %s: %s\n", what, strerror(errno));
	exit(75);
}

static pid_t
spawn(char **argv, const int *theirs)
{
	pid_t parent = getpid();
	sigset_t all, before, none;
	pid_t pid;

	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = vfork();
	if (pid == 0) {
		setsid();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		for (int i = 0; i < PIPES; i++)
			dup2(theirs[i], i);
		close_range(PIPES, ~0U, 0);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execve(argv[0], argv, environ);
		_exit(127);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static void
start(int at, char **argv)
{
	int theirs[PIPES], pipe_fd[2];

	for (int i = 0; i < PIPES; i++) {
		if (pipe2(pipe_fd, O_CLOEXEC) != 0)
			die("pipe");
		theirs[i] = pipe_fd[i != 0];
		if (i != 0) {
			ours[at * ENDS + i - 1].fd = pipe_fd[0];
			ours[at * ENDS + i - 1].events = POLLIN;
			continue;
		}
		if (write(pipe_fd[1], input, sizeof(input) - 1) < 0)
			die("write");
		close(pipe_fd[1]);
	}
	place[at].pid = spawn(argv, theirs);
	if (place[at].pid < 0)
		die(argv[0]);
	place[at].open = ENDS;
	for (int i = 0; i < PIPES; i++)
		close(theirs[i]);
}

/* True when the job has come to its end. */
static bool
take(int at)
{
	static char buffer[65536];
	siginfo_t info;

	for (int i = 0; i < ENDS; i++) {
		struct pollfd *end = &ours[at * ENDS + i];

		if (end->fd < 0 || end->revents == 0 ||
		    read(end->fd, buffer, sizeof(buffer)) > 0)
			continue;
		close(end->fd);
		end->fd = -1;
		place[at].open--;
	}
	if (place[at].pid == 0 || place[at].open > 0)
		return false;
	if (waitid(P_PID, (id_t)place[at].pid, &info, WEXITED) != 0)
		die("waitid");
	if (info.si_code != CLD_EXITED || info.si_status != 0) {
		fprintf(stderr, "loop: the command failed\n");
		exit(1);
	}
	place[at].pid = 0;
	return true;
}

int
main(int argc, char **argv)
{
	long count = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
	long started = 0, ended = 0;

	if (count < 1) {
		fprintf(stderr, "usage: loop COUNT PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	for (int i = 0; i < PLACES * ENDS; i++)
		ours[i].fd = -1;
	while (ended < count) {
		for (int at = 0; at < PLACES; at++) {
			if (place[at].pid == 0 && started < count) {
				start(at, argv + 2);
				started++;
			}
		}
		if (poll(ours, PLACES * ENDS, -1) < 0)
			die("poll");
		for (int at = 0; at < PLACES; at++)
			ended += take(at);
	}
	return 0;
}
