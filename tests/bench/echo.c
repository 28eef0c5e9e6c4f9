/*
 * echo: a coprocess that does nothing, as fast as it can: it answers each job
 * line with its "id" and an output. It reads as many lines as are there and
 * writes their answers at once.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ID_MAX 128

static char in[1 << 16];
/* A line that has an id is longer than half of its answer. */
static char out[2 * sizeof(in)];

static size_t
put(size_t at, const char *text, size_t len)
{
	memcpy(out + at, text, len);
	return at + len;
}

/* Adds the answer to a line; 0 when it has no id. */
static size_t
answer(size_t at, const char *line, size_t len)
{
	static const char head[] = "{\"id\":\"", tail[] = "\",\"output\":1}\n";
	const char *id = memmem(line, len, head + 1, sizeof(head) - 2);
	const char *end = NULL;

	if (id != NULL) {
		id += sizeof(head) - 2;
		end = memchr(id, '"', len - (size_t)(id - line));
	}
	if (end == NULL || end - id > ID_MAX)
		return 0;
	at = put(at, head, sizeof(head) - 1);
	at = put(at, id, (size_t)(end - id));
	return put(at, tail, sizeof(tail) - 1);
}

/* Answers the whole lines of in; how much of it they are, or -1. */
static ssize_t
answer_all(size_t len)
{
	size_t from = 0, at = 0;
	const char *newline;

	while ((newline = memchr(in + from, '\n', len - from)) != NULL) {
		size_t line = (size_t)(newline - in) - from;

		at = answer(at, in + from, line);
		if (at == 0)
			return -1;
		from += line + 1;
	}
	for (size_t done = 0; done < at;) {
		ssize_t wrote = write(1, out + done, at - done);

		if (wrote < 0)
			return -1;
		done += (size_t)wrote;
	}
	return (ssize_t)from;
}

int
main(void)
{
	size_t len = 0;
	ssize_t got, used;

	while ((got = read(0, in + len, sizeof(in) - len)) > 0) {
		len += (size_t)got;
		used = answer_all(len);
		if (used < 0 || (used == 0 && len == sizeof(in))) {
			fprintf(stderr, "echo: not a job line with an id\n");
			return 2;
		}
		len -= (size_t)used;
		memmove(in, in + used, len);
	}
	return got == 0 ? 0 : 75;
}
