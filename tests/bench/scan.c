/*
 * scan FILE: how fast lines are scanned. Prints MB/s of the library's scanner
 * and of a bare memchr() walk over the same bytes, medians of nine rounds.
 */
#include "buf.h"
#include "clock.h"
#include "file.h"
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 9

static int
compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Members found, so that no round can be optimised away. */
static size_t
walk(const struct jobq_buf *text, struct jobq_object *object)
{
	const char *at = text->data, *end = text->data + text->len;
	size_t found = 0;

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (stop == NULL)
			stop = end;
		if (object == NULL)
			found++;
		else if (jobq_object_scan(
			     object, at, (size_t)(stop - at), NULL) == JOBQ_OK)
			found += object->count;
		at = stop + 1;
	}
	return found;
}

static double
median_rate(const struct jobq_buf *text, struct jobq_object *object)
{
	double rate[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		int64_t begun = jobq_mono_ns();

		if (walk(text, object) == 0)
			exit(2);
		rate[i] =
		    (double)text->len * 1e3 / (double)(jobq_mono_ns() - begun);
	}
	qsort(rate, ROUNDS, sizeof *rate, compare);
	return rate[ROUNDS / 2];
}

int
main(int argc, char **argv)
{
	struct jobq_object object = { 0 };
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (argc != 2 ||
	    jobq_file_read(argv[1], (size_t)1 << 30, &text, NULL) != JOBQ_OK ||
	    text.len == 0) {
		fprintf(stderr, "usage: scan FILE\n");
		return 2;
	}
	printf("%.0f %.0f\n", median_rate(&text, &object),
	    median_rate(&text, NULL));
	jobq_object_release(&object);
	jobq_buf_release(&text);
	return 0;
}
