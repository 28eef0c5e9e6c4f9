/*
 * Starting, signalling and reaping a child.
 *
 * The child is made by clone() with the memory shared and the parent asleep
 * until the exec, as vfork() does it: no page table is copied, and an exec
 * that fails writes its errno where the parent reads it. It runs on a stack
 * of its own. All signals are blocked around it, so that no handler runs in
 * shared memory; the child unblocks them last.
 *
 * It asks to be killed when its parent dies, then looks whether the parent
 * has died already: between the two steps no moment is left in which it
 * could survive. (Programs with the set-user-id bit escape: the kernel
 * clears the request when they are executed.)
 */
#include "child.h"

#include "child_proc.h"
#include "mem.h"

#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define STACK_BYTES ((size_t)32 << 10)

/* clone() runs on memory that the sanitizers know nothing about. */
#define UNWATCHED __attribute__((no_sanitize("address", "undefined")))

/* Leaves nothing but what the child is given; kept open by /dev/null. */
static enum jobq_status
occupy_descriptors(struct jobq_err *err)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return jobq_fail(err, JOBQ_IO,
			    "unable to open /dev/null: %s", strerror(errno));
	} while (fd < JOBQ_CHILD_FDS);
	close(fd);
	/* Inherited ones go at the exec; 0 to 2 are replaced there. */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	return JOBQ_OK;
}

static enum jobq_status
raise_limit(
    struct jobq_spawner *spawner, size_t fds_needed, struct jobq_err *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return JOBQ_OK;
	spawner->fd_limit = limit;
	if (limit.rlim_cur >= fds_needed)
		return JOBQ_OK;
	if (limit.rlim_max < fds_needed)
		return jobq_fail(err, JOBQ_CONFIG,
		    "%zu open files are needed, but the limit is %ju; ask for "
		    "fewer places or raise it (ulimit -Hn)",
		    fds_needed, (uintmax_t)limit.rlim_max);
	limit.rlim_cur = fds_needed;
	spawner->fd_limit_raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
	return JOBQ_OK;
}

/*
 * The two signals below SIGRTMIN are the C library's, and its sigaction()
 * refuses them; a parent that is of another make may have left them ignored.
 * This process has no use for them, so they are put right here, once.
 */
static void
reset_hidden_signals(void)
{
	/* The kernel's own struct: handler, flags, restorer, mask. */
	const unsigned long normal[4] = { 0 };

	for (int i = 32; i < SIGRTMIN; i++)
		syscall(SYS_rt_sigaction, i, normal, NULL, NSIG / 8);
}

static void
find_ignored(struct jobq_spawner *spawner)
{
	struct sigaction action;

	reset_hidden_signals();
	for (int i = 1; i < NSIG; i++)
		if (sigaction(i, NULL, &action) == 0 &&
		    action.sa_handler == SIG_IGN)
			spawner->ignored[spawner->ignored_count++] = i;
}

enum jobq_status
jobq_spawner_open(
    struct jobq_spawner **out, size_t fds_needed, struct jobq_err *err)
{
	struct jobq_spawner *spawner = jobq_xcalloc(1, sizeof(*spawner));
	enum jobq_status status;

	spawner->children_fd = -1;
	spawner->self = getpid();
	spawner->stack = jobq_xmalloc(STACK_BYTES);
	find_ignored(spawner);
	/* Where it was ignored the kernel would throw exit statuses away. */
	signal(SIGCHLD, SIG_DFL);
	status = occupy_descriptors(err);
	if (status == JOBQ_OK)
		status = raise_limit(spawner, fds_needed, err);
	if (status == JOBQ_OK)
		status = jobq_proc_open(spawner, err);
	if (status == JOBQ_OK && prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "unable to become a subreaper: %s", strerror(errno));
	if (status != JOBQ_OK) {
		jobq_spawner_close(spawner);
		return status;
	}
	*out = spawner;
	return JOBQ_OK;
}

void
jobq_spawner_close(struct jobq_spawner *spawner)
{
	if (spawner == NULL)
		return;
	if (spawner->children_fd >= 0)
		close(spawner->children_fd);
	jobq_buf_release(&spawner->text);
	free(spawner->stack);
	free(spawner);
}

/* What the child works from, in the parent's memory. */
struct plan {
	const struct jobq_spawner *spawner;
	const struct jobq_child_spec *spec;
	volatile int error; /* of the exec */
};

/* Runs in the child, on its own stack, while the parent sleeps. */
static UNWATCHED int
child_main(void *context)
{
	struct plan *plan = context;
	const struct jobq_spawner *spawner = plan->spawner;
	struct sigaction normal;
	sigset_t none;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != spawner->self)
		_exit(127);
	for (int i = 0; i < JOBQ_CHILD_FDS; i++) {
		if (dup2(plan->spec->fd[i], i) < 0) {
			plan->error = errno;
			_exit(127);
		}
	}
	/* At the exec, when the parent goes on already; before Linux 5.11 now.
	 */
	if (close_range(JOBQ_CHILD_FDS, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
		close_range(JOBQ_CHILD_FDS, ~0U, 0);
	if (spawner->fd_limit_raised)
		setrlimit(RLIMIT_NOFILE, &spawner->fd_limit);
	memset(&normal, 0, sizeof(normal));
	normal.sa_handler = SIG_DFL;
	for (int i = 0; i < spawner->ignored_count; i++)
		sigaction(spawner->ignored[i], &normal, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(plan->spec->path, plan->spec->argv, plan->spec->env);
	plan->error = errno;
	_exit(127);
}

int
jobq_child_spawn(struct jobq_spawner *spawner, struct jobq_child *child,
    const struct jobq_child_spec *spec, bool *failed_in_exec)
{
	struct plan plan = { .spawner = spawner, .spec = spec, .error = 0 };
	char *top = (char *)spawner->stack + STACK_BYTES;
	int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
	sigset_t all, before;
	int pidfd = -1;
	int error = 0;
	pid_t pid;

	top -= (uintptr_t)top % 64;
	if (!spec->no_pidfd)
		flags |= CLONE_PIDFD;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = clone(child_main, top, flags, &plan, &pidfd);
	if (pid < 0)
		error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	*failed_in_exec = plan.error != 0;
	if (plan.error != 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		if (pidfd >= 0)
			close(pidfd);
		return plan.error;
	}
	if (error != 0)
		return error;
	child->pid = pid;
	child->pidfd = pidfd;
	return 0;
}

bool
jobq_child_watch(struct jobq_child *child)
{
	if (child->pidfd < 0)
		child->pidfd = pidfd_open(child->pid, 0);
	return child->pidfd >= 0;
}

bool
jobq_child_exited(const struct jobq_child *child)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)child->pid, &info,
		   WEXITED | WNOHANG | WNOWAIT) != 0 ||
	       info.si_pid != 0;
}

void
jobq_child_forget(struct jobq_child *child)
{
	if (child->pidfd >= 0)
		close(child->pidfd);
	child->pid = 0;
	child->pidfd = -1;
}

void
jobq_child_signal(const struct jobq_child *child, int signal_number)
{
	if (child->pid <= 0)
		JOBQ_BUG("a signal for a child that is not there");
	kill(-child->pid, signal_number);
}

bool
jobq_child_reap(
    struct jobq_child *child, int *wait_status, struct rusage *usage)
{
	pid_t pid = wait4(child->pid, wait_status, WNOHANG, usage);

	if (pid != child->pid)
		return false;
	jobq_child_forget(child);
	return true;
}
