#include "child.h"

#include "mem.h"
#include "unit.h"

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "banned.h"

static struct jobq_spawner *spawner;
static struct jobq_child child;
static struct jobq_processes list, all;
static int null_fd;
static bool no_pidfd;

static void
begin(void)
{
	struct jobq_err err;

	check(jobq_spawner_open(&spawner, 16, &err) == JOBQ_OK);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	check(null_fd > 3);
}

/* Starts sh -c script; returns what the spawn did. */
static int
start(char *path, char *script, bool *in_exec)
{
	char *argv[] = { "sh", "-c", script, NULL };
	struct jobq_child_spec spec = { .path = path,
		.argv = argv,
		.env = environ,
		.fd = { null_fd, null_fd, null_fd, null_fd },
		.no_pidfd = no_pidfd };

	return jobq_child_spawn(spawner, &child, &spec, in_exec);
}

/* Starts sh -c script, which must work. */
static void
start_sh(char *script)
{
	bool in_exec;

	check_int(start("/bin/sh", script, &in_exec), 0);
	check(child.pid > 0);
	check(!in_exec);
}

/* Waits until the child has exited; its status. */
static int
reap(void)
{
	struct pollfd poller = { .fd = child.pidfd, .events = POLLIN };
	struct rusage usage;
	int status;

	check(poll(&poller, 1, 20000) == 1);
	check(jobq_child_reap(&child, &status, &usage));
	check_int(child.pid, 0);
	check_int(child.pidfd, -1);
	check(usage.ru_maxrss > 0);
	return status;
}

/* Waits until this process has so many children. */
static void
wait_for_children(size_t count)
{
	for (int i = 0; i < 2000; i++) {
		jobq_processes_children(spawner, &list);
		if (list.count == count)
			return;
		poll(NULL, 0, 10);
	}
	check_int(list.count, count);
}

/* In the middle of an exec a process shows no environment. */
static void
wait_for_env(const struct jobq_process *process, const char *name,
    struct jobq_buf *value)
{
	for (int i = 0; i < 2000; i++) {
		if (jobq_process_env(process, name, value))
			return;
		poll(NULL, 0, 10);
	}
	check(jobq_process_env(process, name, value));
}

JOBQ_TEST(a_child_leads_a_session_and_is_not_reaped_early)
{
	struct rusage usage;
	int status;

	begin();
	start_sh("sleep 1000");
	check_int(getsid(child.pid), child.pid);
	check_int(getpgid(child.pid), child.pid);
	check(!jobq_child_reap(&child, &status, &usage));
	jobq_child_signal(&child, SIGKILL);
	check_int(WTERMSIG(reap()), SIGKILL);
	start_sh("exit 7");
	status = reap();
	check(WIFEXITED(status));
	check_int(WEXITSTATUS(status), 7);
	jobq_spawner_close(spawner);
}

JOBQ_TEST(a_child_without_a_pidfd_is_looked_at_or_gets_one)
{
	struct rusage usage;
	int status;
	bool in_exec = false;

	begin();
	no_pidfd = true;
	start_sh("read line; exit 7");
	check_int(child.pidfd, -1);
	for (int i = 0; i < 2000 && !jobq_child_exited(&child); i++)
		poll(NULL, 0, 10);
	check(jobq_child_reap(&child, &status, &usage));
	check_int(WEXITSTATUS(status), 7);
	check_int(child.pidfd, -1);
	/* No child of its own is left behind by the kill. */
	start_sh("exec sleep 1000");
	check(!jobq_child_exited(&child));
	check(jobq_child_watch(&child));
	jobq_child_signal(&child, SIGKILL);
	check_int(WTERMSIG(reap()), SIGKILL);
	check_int(start("/nonexistent", "", &in_exec), ENOENT);
	check(in_exec);
	check(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	jobq_spawner_close(spawner);
}

JOBQ_TEST(a_failed_exec_is_told_and_leaves_nothing)
{
	bool in_exec = false;

	begin();
	check_int(start("/nonexistent", "", &in_exec), ENOENT);
	check(in_exec);
	check_int(start("/", "", &in_exec), EACCES);
	check(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	jobq_spawner_close(spawner);
}

JOBQ_TEST(a_signal_goes_to_the_whole_group)
{
	begin();
	start_sh("sleep 1000 & wait");
	jobq_child_signal(&child, SIGTERM);
	check_int(WTERMSIG(reap()), SIGTERM);
	jobq_spawner_close(spawner);
}

JOBQ_TEST(orphans_are_adopted_known_by_session_and_environment_and_reaped)
{
	struct jobq_buf value = JOBQ_BUF_INIT;
	pid_t session;

	setenv("JOBQ_ID", "some.id", 1);
	begin();
	start_sh("sleep 1000 & setsid sleep 1000 &");
	session = child.pid;
	check_int(WEXITSTATUS(reap()), 0);
	wait_for_children(2);
	jobq_processes_all(spawner, &all);
	check(all.count > 2);
	for (size_t i = 0; i < 2; i++) {
		const struct jobq_process *process = &list.item[i];

		jobq_buf_clear(&value);
		wait_for_env(process, "JOBQ_ID", &value);
		check_str(value.data, "some.id");
		check(!jobq_process_env(process, "JOBQ_I", &value));
		check(!jobq_process_reap(process));
		check((jobq_process_session(process) == session) ||
		      jobq_process_session(process) == process->pid);
		jobq_tree_signal(&all, process->pid, 0, SIGKILL);
	}
	for (size_t i = 0; i < 2; i++)
		while (!jobq_process_reap(&list.item[i]))
			poll(NULL, 0, 10);
	wait_for_children(0);
	jobq_spawner_close(spawner);
}

/* How many of all processes descend from pid, it included. */
static size_t
tree_size(pid_t pid)
{
	size_t count = 0;
	bool *inside;

	jobq_processes_all(spawner, &all);
	inside = jobq_xcalloc(all.count + 1, sizeof(bool));
	for (size_t round = 0; round < 8; round++)
		for (size_t i = 0; i < all.count; i++)
			for (size_t j = 0; j < all.count; j++)
				inside[i] =
				    inside[i] || all.item[i].pid == pid ||
				    (inside[j] && all.item[j].proc_pid ==
						      all.item[i].proc_parent);
	for (size_t i = 0; i < all.count; i++)
		count += inside[i];
	free(inside);
	return count;
}

JOBQ_TEST(a_tree_is_signalled_but_for_one_group)
{
	begin();
	/* The shell and one sleep in its group, two sleeps outside. */
	start_sh("sleep 1000 & setsid sh -c 'sleep 1000 & wait' & wait");
	for (int i = 0; i < 2000 && tree_size(child.pid) != 4; i++)
		poll(NULL, 0, 10);
	check_int(tree_size(child.pid), 4);
	jobq_tree_signal(&all, child.pid, child.pid, SIGTERM);
	for (int i = 0; i < 2000 && tree_size(child.pid) != 2; i++)
		poll(NULL, 0, 10);
	check_int(tree_size(child.pid), 2);
	jobq_tree_signal(&all, child.pid, 0, SIGTERM);
	check_int(WTERMSIG(reap()), SIGTERM);
	jobq_spawner_close(spawner);
}

JOBQ_TEST(more_files_than_the_hard_limit_are_refused)
{
	struct rlimit limit = { 64, 64 };
	struct jobq_err err;

	check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	check_int(jobq_spawner_open(&spawner, 65, &err), JOBQ_CONFIG);
	check_has(err.text, "65");
}

JOBQ_TEST(a_soft_limit_is_raised_for_us_and_not_for_children)
{
	struct rlimit limit;
	struct jobq_err err;

	check(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	check(limit.rlim_max >= 200);
	limit.rlim_cur = 100;
	check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	check_int(jobq_spawner_open(&spawner, 200, &err), JOBQ_OK);
	check(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	check_int(limit.rlim_cur, 200);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	start_sh("test $(ulimit -n) = 100");
	check_int(WEXITSTATUS(reap()), 0);
	jobq_spawner_close(spawner);
}

JOBQ_TEST(descriptors_that_were_closed_are_taken_out_of_use)
{
	struct jobq_err err;

	close(0);
	close(3);
	check(jobq_spawner_open(&spawner, 16, &err) == JOBQ_OK);
	check(open("/dev/null", O_RDONLY) > 3);
	jobq_spawner_close(spawner);
}
