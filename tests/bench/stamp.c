/*
 * stamp FILE: adds the time, in nanoseconds, to FILE: what a job of the bench
 * does to say when it was started.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct timespec now;
	char line[32];
	int fd, len;

	clock_gettime(CLOCK_REALTIME, &now);
	if (argc != 2)
		return 2;
	fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
	len = snprintf(
	    line, sizeof line, "%ld%09ld\n", (long)now.tv_sec, now.tv_nsec);
	return fd >= 0 && write(fd, line, (size_t)len) == len ? 0 : 75;
}
