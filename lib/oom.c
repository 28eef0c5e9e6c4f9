/*
 * /proc/self/cgroup has a line for each hierarchy: number, controllers, path.
 * Version 2 is number 0, its file memory.events; version 1 the one with the
 * controller memory, its file memory.oom_control. Both have a line
 * "oom_kill N". In a container the path may be that of the host; what is
 * mounted is then the container's own group.
 */
#include "oom.h"

#include "buf.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Whether the word stands in a list divided by commas. */
static bool
has_word(const char *list, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	while (len > 0) {
		const char *comma = memchr(list, ',', len);
		size_t part = comma ? (size_t)(comma - list) : len;

		if (part == word_len && memcmp(list, word, part) == 0)
			return true;
		part += comma != NULL;
		list += part;
		len -= part;
	}
	return false;
}

static int
open_file(const char *mount, const char *group, const char *name)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	int fd;

	jobq_buf_printf(&path, "%s%s/%s", mount, group, name);
	fd = open(path.data, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		jobq_buf_clear(&path);
		jobq_buf_printf(&path, "%s/%s", mount, name);
		fd = open(path.data, O_RDONLY | O_CLOEXEC);
	}
	jobq_buf_release(&path);
	return fd;
}

static int
open_group(char *line)
{
	char *controllers = strchr(line, ':');
	char *group = controllers ? strchr(controllers + 1, ':') : NULL;

	if (group == NULL)
		return -1;
	controllers++;
	group[strcspn(group, "\n")] = '\0';
	if (has_word(controllers, (size_t)(group - controllers), "memory"))
		return open_file(
		    "/sys/fs/cgroup/memory", group + 1, "memory.oom_control");
	if (strncmp(line, "0::", 3) == 0)
		return open_file("/sys/fs/cgroup", group + 1, "memory.events");
	return -1;
}

void
jobq_oom_open(struct jobq_oom *oom)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char *line = NULL;
	size_t size = 0;

	oom->fd = -1;
	while (file != NULL && oom->fd < 0 && getline(&line, &size, file) > 0)
		oom->fd = open_group(line);
	free(line);
	if (file != NULL)
		fclose(file);
}

void
jobq_oom_close(struct jobq_oom *oom)
{
	if (oom->fd >= 0)
		close(oom->fd);
	oom->fd = -1;
}

uint64_t
jobq_oom_kills(const struct jobq_oom *oom)
{
	static const char name[] = "oom_kill ";
	char text[512];
	const char *at = text;
	ssize_t len;

	len = oom->fd < 0 ? 0 : pread(oom->fd, text, sizeof text - 1, 0);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	while (at != NULL && strncmp(at, name, strlen(name)) != 0) {
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}
