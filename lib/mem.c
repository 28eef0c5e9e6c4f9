#include "mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/*
 * The one place of the library that prints and exits: without memory nobody
 * above can do better. _exit() leaves stdio's buffers alone, so that no half
 * line reaches stdout; leases run out by themselves.
 */
_Noreturn void
jobq_mem_exhausted(const char *what)
{
	int error = errno;
	char text[256];
	int len = snprintf(text, sizeof(text), "%s: unable to make %s: %s\n",
	    program_invocation_short_name, what, strerror(error));

	if (len > (int)sizeof(text) - 1)
		len = (int)sizeof(text) - 1;
	if (len < 0 || write(STDERR_FILENO, text, (size_t)len) < 0)
		_exit(75);
	_exit(75);
}

static _Noreturn void
out_of_memory(size_t count, size_t size_bytes)
{
	char text[160];
	int len = snprintf(text, sizeof(text),
	    "%s: out of memory (%zu * %zu bytes wanted): free some, or raise "
	    "the limit, and try again\n",
	    program_invocation_short_name, count, size_bytes);

	if (len > (int)sizeof(text) - 1)
		len = (int)sizeof(text) - 1;
	if (len < 0 || write(STDERR_FILENO, text, (size_t)len) < 0)
		_exit(75);
	_exit(75);
}

_Noreturn void
jobq_bug(const char *file, int line, const char *text)
{
	char out[512];
	int len = snprintf(out, sizeof(out), "%s: bug at %s:%d: %s\n",
	    program_invocation_short_name, file, line, text);

	if (len > (int)sizeof(out) - 1)
		len = (int)sizeof(out) - 1;
	if (len < 0 || write(STDERR_FILENO, out, (size_t)len) < 0)
		abort();
	abort();
}

void *
jobq_xmalloc(size_t size_bytes)
{
	void *memory = malloc(size_bytes > 0 ? size_bytes : 1);

	if (memory == NULL)
		out_of_memory(1, size_bytes);
	return memory;
}

void *
jobq_xcalloc(size_t count, size_t size_bytes)
{
	void *memory;

	if (count == 0 || size_bytes == 0)
		count = size_bytes = 1;
	memory = calloc(count, size_bytes);
	if (memory == NULL)
		out_of_memory(count, size_bytes);
	return memory;
}

void *
jobq_xrealloc(void *memory, size_t count, size_t size_bytes)
{
	void *moved;

	if (count == 0 || size_bytes == 0)
		count = size_bytes = 1;
	moved = reallocarray(memory, count, size_bytes);
	if (moved == NULL)
		out_of_memory(count, size_bytes);
	return moved;
}

char *
jobq_xstrdup(const char *text)
{
	return jobq_xstrndup(text, strlen(text));
}

char *
jobq_xstrndup(const char *text, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		out_of_memory(1, len);
	copy = jobq_xmalloc(len + 1);
	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void *
jobq_grow(void *array, size_t count, size_t *cap, size_t size_bytes)
{
	size_t larger;

	if (count < *cap)
		return array;
	if (*cap > SIZE_MAX / 2)
		out_of_memory(*cap, size_bytes);
	larger = *cap == 0 ? 8 : *cap * 2;
	array = jobq_xrealloc(array, larger, size_bytes);
	*cap = larger;
	return array;
}
