/*
 * Faults for jobq-run, by LD_PRELOAD. RUN_FAULTS holds words:
 *   clone=N   the first N calls of clone() fail with EAGAIN
 *   write=N   the Nth write to standard output fails with ENOSPC
 *   full      so do all of them from then on
 *   eio       they fail with EIO instead
 *   room=MS   all of them fail until so long after the start
 *   day       the wall clock is a day ahead 200 ms after the start
 *   alarms    an alarm signal interrupts a thousand times a second
 *   reaps     a signal for a process that was reaped writes "late" to
 *             RUN_FAULTS_LOG; other signals write "signal", reaps "reap"
 * The children of the process are spared: the variables are taken away.
 */
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define PID_MAX (1 << 22) /* of the kernel */

static int clones, writes, full_from, room_ms;
static bool full, eio, day, reaps;
static struct timespec begun;
static int log_fd = -1;
static bool reaped[PID_MAX + 1]; /* and not given to another since */

/* The next definition of a function of this name. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int
number(const char *words, const char *word)
{
	const char *found = strstr(words, word);

	return found != NULL ? (int)strtol(found + strlen(word), NULL, 10) : 0;
}

static void
ignore(int signal_number)
{
	(void)signal_number;
}

static void
storm(void)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = ignore; /* without SA_RESTART */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

__attribute__((constructor)) static void
begin(void)
{
	const char *words = getenv("RUN_FAULTS");
	const char *log = getenv("RUN_FAULTS_LOG");

	if (words == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	clones = number(words, "clone=");
	full_from = number(words, "write=");
	room_ms = number(words, "room=");
	full = strstr(words, "full") != NULL;
	eio = strstr(words, "eio") != NULL;
	day = strstr(words, "day") != NULL;
	reaps = strstr(words, "reaps") != NULL;
	if (strstr(words, "alarms") != NULL)
		storm();
	if (log != NULL)
		log_fd =
		    open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	unsetenv("LD_PRELOAD");
	unsetenv("RUN_FAULTS");
	unsetenv("RUN_FAULTS_LOG");
}

EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

EXPORT int
clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	va_list args;
	pid_t *pid;
	pid_t made;

	if (clones-- > 0) {
		errno = EAGAIN;
		return -1;
	}
	va_start(args, arg);
	pid = va_arg(args, pid_t *);
	va_end(args);
	made = REAL(clone)(fn, stack, flags, arg, pid);
	if (made > 0)
		reaped[made] = false;
	return made;
}

static long
ms_since_start(void)
{
	struct timespec now;

	REAL(clock_gettime)(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun.tv_sec) * 1000 +
	       (now.tv_nsec - begun.tv_nsec) / 1000000;
}

EXPORT ssize_t
write(int fd, const void *bytes, size_t len)
{
	if (fd == 1 &&
	    ((room_ms > 0 && ms_since_start() < room_ms) ||
		(full_from > 0 &&
		    (++writes == full_from || (full && writes > full_from))))) {
		errno = eio ? EIO : ENOSPC;
		return -1;
	}
	return REAL(write)(fd, bytes, len);
}

EXPORT int
clock_gettime(clockid_t clock, struct timespec *time)
{
	int result = REAL(clock_gettime)(clock, time);

	if (!day || clock != CLOCK_REALTIME)
		return result;
	if (ms_since_start() > 200)
		time->tv_sec += 86400;
	return result;
}

static void
note(const char *text)
{
	if (REAL(write)(log_fd, text, strlen(text)) < 0)
		abort();
}

EXPORT pid_t
wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	pid_t got = REAL(wait4)(pid, status, options, usage);

	if (reaps && got > 0) {
		reaped[got] = true;
		note("reap\n");
	}
	return got;
}

EXPORT pid_t
waitpid(pid_t pid, int *status, int options)
{
	return wait4(pid, status, options, NULL);
}

EXPORT int
kill(pid_t pid, int signal_number)
{
	if (reaps)
		note(reaped[pid < 0 ? -pid : pid] ? "late\n" : "signal\n");
	return REAL(kill)(pid, signal_number);
}
