/*
 * pingpong DEPTH FILE COMMAND [ARGUMENT...]: the least that giving lines to a
 * coprocess takes, as the bound that jobq-run --coprocess is measured against.
 * The lines of FILE go to COMMAND through a pipe, at most DEPTH of them
 * without an answer; its answers come through another and are only counted.
 * As many lines as were answered by one read go out by the next write.
 */
#include "buf.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 30)

extern char **environ;

static pid_t child;
static int to, from; /* the child */

static void
die(const char *what)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
	exit(75);
}

static void
die_of_child(const char *what)
{
	fprintf(stderr, "pingpong: the command %s\n", what);
	exit(1);
}

static void
start(char **argv)
{
	posix_spawn_file_actions_t files;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		die("pipe");
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in[0], 0);
	posix_spawn_file_actions_adddup2(&files, out[1], 1);
	errno = posix_spawnp(&child, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (errno != 0)
		die(argv[0]);
	close(in[0]);
	close(out[1]);
	to = in[1];
	from = out[0];
}

/* Writes at most so many lines; how many there were. */
static long
send_lines(const struct jobq_buf *text, size_t *at, long most)
{
	const char *begin = text->data + *at, *end = text->data + text->len;
	const char *stop = begin;
	long count = 0;

	while (count < most && stop < end) {
		const char *newline = memchr(stop, '\n', (size_t)(end - stop));

		if (newline == NULL)
			break;
		stop = newline + 1;
		count++;
	}
	while (begin < stop) {
		ssize_t wrote = write(to, begin, (size_t)(stop - begin));

		if (wrote < 0)
			die("write");
		begin += wrote;
	}
	*at = (size_t)(stop - text->data);
	return count;
}

static long
take_answers(void)
{
	static char buffer[1 << 16];
	ssize_t got = read(from, buffer, sizeof(buffer));
	const char *at = buffer;
	long count = 0;

	if (got < 0)
		die("read");
	if (got == 0)
		die_of_child("ended before it had answered all lines");
	while ((at = memchr(at, '\n', (size_t)(buffer + got - at))) != NULL) {
		at++;
		count++;
	}
	return count;
}

int
main(int argc, char **argv)
{
	long depth = argc > 3 ? strtol(argv[1], NULL, 10) : 0;
	struct jobq_buf text = JOBQ_BUF_INIT;
	size_t at = 0;
	long open;
	int status;

	if (depth < 1 ||
	    jobq_file_read(argv[2], FILE_MAX, &text, NULL) != JOBQ_OK) {
		fprintf(stderr, "usage: pingpong DEPTH FILE COMMAND...\n");
		return 2;
	}
	start(argv + 3);
	open = send_lines(&text, &at, depth);
	while (open > 0) {
		long answered = take_answers();

		open += send_lines(&text, &at, answered) - answered;
	}
	close(to);
	if (waitpid(child, &status, 0) != child || status != 0)
		die_of_child("failed at its end");
	jobq_buf_release(&text);
	return 0;
}
