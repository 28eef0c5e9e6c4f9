/*
 * Processes as /proc shows them.
 *
 * The children of this process, orphans adopted as a subreaper included, are
 * listed by one file of the kernel; where it has none, by the parents that
 * all processes name. A tree is signalled from a list of all processes. Such
 * a list is old at once, so each process is opened as a pidfd and asked for
 * its parent again before the signal goes through that pidfd. Whoever wants
 * a tree gone looks and signals again until nothing is left.
 *
 * In a pid namespace that kept the /proc of an outer one, /proc has other
 * numbers than the system calls. The NSpid line of a status file lists the
 * numbers of a process from outside to inside; how many ours has says which
 * column is ours.
 */
#include "child_proc.h"

#include "child.h"
#include "clock.h"
#include "mem.h"

#include <sys/pidfd.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Reads a file of /proc to its end; false when it is not there. */
static bool
read_file(const char *path, struct jobq_buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	jobq_buf_clear(text);
	if (fd < 0)
		return false;
	do {
		jobq_buf_reserve(text, 4096);
		got = read(fd, text->data + text->len, 4096);
		if (got > 0)
			text->len += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	text->data[text->len] = '\0';
	close(fd);
	return got == 0;
}

struct status {
	pid_t parent;
	pid_t pid; /* in the asked column; 0: not in our namespace */
	int columns;
};

/* Reads /proc/PID/status; column counts from 1, 0 is the last one. */
static bool
read_status(
    const char *name, int column, struct jobq_buf *text, struct status *out)
{
	char path[64];
	char *at;

	snprintf(path, sizeof(path), "/proc/%s/status", name);
	if (!read_file(path, text))
		return false;
	at = strstr(text->data, "\nPPid:");
	if (at == NULL)
		return false;
	*out = (struct status){ .parent = (pid_t)strtol(at + 6, NULL, 10) };
	at = strstr(text->data, "\nNSpid:");
	if (at == NULL)
		return false;
	for (at += 7; *at == '\t'; out->columns++) {
		pid_t pid = (pid_t)strtol(at + 1, &at, 10);

		if (column == 0 || out->columns + 1 == column)
			out->pid = pid;
	}
	return true;
}

enum jobq_status
jobq_proc_open(struct jobq_spawner *spawner, struct jobq_err *err)
{
	struct status self;
	char name[32];
	ssize_t len = readlink("/proc/self", name, sizeof(name) - 1);

	if (len < 0 || !read_status("self", 0, &spawner->text, &self))
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to read /proc/self/status: %s; mount /proc, the "
		    "processes that jobs leave behind are found there",
		    strerror(errno));
	name[len] = '\0';
	spawner->proc_self = (pid_t)strtol(name, NULL, 10);
	spawner->depth = self.columns;
	spawner->children_fd =
	    open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	return JOBQ_OK;
}

void
jobq_processes_release(struct jobq_processes *list)
{
	free(list->item);
	*list = (struct jobq_processes){ NULL, 0, 0 };
}

static void
list_add(
    struct jobq_processes *list, pid_t pid, pid_t proc_pid, pid_t proc_parent)
{
	list->item = jobq_grow(
	    list->item, list->count, &list->cap, sizeof(list->item[0]));
	list->item[list->count++] =
	    (struct jobq_process){ pid, proc_pid, proc_parent, SIZE_MAX };
}

/* Adds the process that /proc calls so, when it is one of our namespace. */
static void
list_look(
    struct jobq_spawner *spawner, struct jobq_processes *list, const char *name)
{
	struct status status;

	if (read_status(name, spawner->depth, &spawner->text, &status) &&
	    status.pid > 0)
		list_add(list, status.pid, (pid_t)strtol(name, NULL, 10),
		    status.parent);
}

static int
compare(const void *a, const void *b)
{
	const struct jobq_process *x = a, *y = b;

	return (x->proc_pid > y->proc_pid) - (x->proc_pid < y->proc_pid);
}

/* Finds everybody's parent once, for trees are looked up one by one. */
static void
find_parents(struct jobq_processes *list)
{
	if (list->count > 0)
		qsort(list->item, list->count, sizeof(list->item[0]), compare);
	for (size_t i = 0; i < list->count; i++) {
		struct jobq_process key = { .proc_pid =
						list->item[i].proc_parent };
		const struct jobq_process *parent = bsearch(&key, list->item,
		    list->count, sizeof(list->item[0]), compare);

		if (parent != NULL)
			list->item[i].parent = (size_t)(parent - list->item);
	}
}

void
jobq_processes_all(struct jobq_spawner *spawner, struct jobq_processes *list)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	list->count = 0;
	if (proc == NULL)
		return;
	for (entry = readdir(proc); entry != NULL; entry = readdir(proc))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			list_look(spawner, list, entry->d_name);
	closedir(proc);
	find_parents(list);
}

/* Keeps of all processes the children of this one. */
static void
children_from_all(struct jobq_spawner *spawner, struct jobq_processes *list)
{
	size_t kept = 0;

	jobq_processes_all(spawner, list);
	for (size_t i = 0; i < list->count; i++)
		if (list->item[i].proc_parent == spawner->proc_self)
			list->item[kept++] = list->item[i];
	list->count = kept;
}

/* Reads the kernel's list of our children, numbers divided by spaces. */
static bool
read_children(struct jobq_spawner *spawner, struct jobq_buf *text)
{
	ssize_t got;

	jobq_buf_clear(text);
	do {
		jobq_buf_reserve(text, 4096);
		got = pread(spawner->children_fd, text->data + text->len, 4096,
		    (off_t)text->len);
		if (got > 0)
			text->len += (size_t)got;
	} while (got > 2048 || (got < 0 && errno == EINTR));
	text->data[text->len] = '\0';
	return got >= 0;
}

void
jobq_processes_children(
    struct jobq_spawner *spawner, struct jobq_processes *list)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	char name[32];
	char *at;

	list->count = 0;
	if (spawner->children_fd < 0 ||
	    !read_children(spawner, &spawner->text)) {
		children_from_all(spawner, list);
		return;
	}
	if (spawner->depth > 1) {
		/* Looking at a process overwrites the spawner's text. */
		jobq_buf_puts(&text, spawner->text.data);
	}
	at = spawner->depth > 1 ? text.data : spawner->text.data;
	while (at != NULL && *at != '\0') {
		pid_t pid = (pid_t)strtol(at, &at, 10);

		at += strspn(at, " ");
		if (spawner->depth == 1) {
			list_add(list, pid, pid, spawner->proc_self);
			continue;
		}
		snprintf(name, sizeof(name), "%d", (int)pid);
		list_look(spawner, list, name);
	}
	jobq_buf_release(&text);
}

pid_t
jobq_process_session(const struct jobq_process *process)
{
	return getsid(process->pid);
}

bool
jobq_process_env(const struct jobq_process *process, const char *name,
    struct jobq_buf *value)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	size_t name_len = strlen(name);
	char path[64];
	bool found = false;

	snprintf(
	    path, sizeof(path), "/proc/%d/environ", (int)process->proc_pid);
	if (read_file(path, &text)) {
		for (size_t at = 0; at < text.len && !found;
		     at += strlen(text.data + at) + 1) {
			const char *entry = text.data + at;

			found = strncmp(entry, name, name_len) == 0 &&
				entry[name_len] == '=';
			if (found)
				jobq_buf_puts(value, entry + name_len + 1);
		}
	}
	jobq_buf_release(&text);
	return found;
}

bool
jobq_process_reap(const struct jobq_process *process)
{
	return waitpid(process->pid, NULL, WNOHANG) != 0;
}

/*
 * Opens a listed process if it still is the one that was listed: its number
 * may have gone to another, but not to one with the same parent as long as
 * no process of the tree was signalled. -1 otherwise.
 */
static int
open_listed(const struct jobq_process *process)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct status status;
	char name[32];
	int fd = pidfd_open(process->pid, 0);

	if (fd < 0)
		return -1;
	snprintf(name, sizeof(name), "%d", (int)process->proc_pid);
	if (!read_status(name, 1, &text, &status) ||
	    status.parent != process->proc_parent) {
		close(fd);
		fd = -1;
	}
	jobq_buf_release(&text);
	return fd;
}

/*
 * Whether a process of the list is root or comes from it. Numbers that came
 * back while the list was made may bend parents into a ring, so no walk is
 * longer than the list.
 */
static bool
is_below(const struct jobq_processes *all, size_t i, pid_t root)
{
	for (size_t steps = 0; steps < all->count; steps++) {
		if (all->item[i].pid == root)
			return true;
		if (all->item[i].parent == SIZE_MAX)
			return false;
		i = all->item[i].parent;
	}
	return false;
}

void
jobq_tree_signal(const struct jobq_processes *all, pid_t root, pid_t but_group,
    int signal_number)
{
	int *fd = jobq_xcalloc(all->count + 1, sizeof(int));
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++) {
		if (!is_below(all, i, root) ||
		    (but_group != 0 && getpgid(all->item[i].pid) == but_group))
			continue;
		fd[count] = open_listed(&all->item[i]);
		count += fd[count] >= 0;
	}
	for (size_t i = 0; i < count; i++) {
		pidfd_send_signal(fd[i], signal_number, NULL, 0);
		if (signal_number == SIGTERM)
			pidfd_send_signal(fd[i], SIGCONT, NULL, 0);
		close(fd[i]);
	}
	free(fd);
}
