/*
 * spawn COUNT COMMAND [ARGUMENT...]: runs a command COUNT times, one after the
 * other, its input and output /dev/null, and prints the median of its wall
 * time in microseconds and the largest resident set in KiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int
compare(const void *a, const void *b)
{
	const long *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

int
main(int argc, char **argv)
{
	long count = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
	posix_spawn_file_actions_t files;
	long rss = 0, *took;

	if (count < 1) {
		fprintf(stderr, "usage: spawn COUNT COMMAND [ARGUMENT...]\n");
		return 2;
	}
	took = calloc((size_t)count, sizeof *took);
	if (took == NULL)
		return 75;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	for (long i = 0; i < count; i++) {
		long begun = now_us();
		struct rusage usage;
		int error, status;
		pid_t pid;

		error = posix_spawnp(
		    &pid, argv[2], &files, NULL, argv + 2, environ);
		if (error != 0 || wait4(pid, &status, 0, &usage) != pid) {
			fprintf(stderr, "spawn: %s: %s\n", argv[2],
			    strerror(error != 0 ? error : errno));
			return 75;
		}
		took[i] = now_us() - begun;
		if (usage.ru_maxrss > rss)
			rss = usage.ru_maxrss;
	}
	qsort(took, (size_t)count, sizeof *took, compare);
	printf("%ld %ld\n", took[count / 2], rss);
	free(took);
	return 0;
}
