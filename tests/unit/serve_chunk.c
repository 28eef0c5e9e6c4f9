#include "serve/chunk.h"
#include "../support/unit.h"

#include <string.h>

/* Feeds the text in pieces of a size; the last status. */
static int
feed(const char *text, size_t piece, size_t most, struct jobq_buf *body,
    size_t *left)
{
	struct jobq_chunks chunks = { 0 };
	size_t len = strlen(text), from = 0, to = 0, used;
	int status = 0;

	jobq_buf_clear(body);
	while (status == 0 && to < len) {
		to = to + piece < len ? to + piece : len;
		status = jobq_chunks_take(
		    &chunks, text + from, to - from, most, body, &used);
		from += used;
	}
	*left = len - from;
	return status;
}

JOBQ_TEST(a_body_in_chunks_is_the_same_in_pieces_of_any_size)
{
	static const char text[] =
	    "5;name=\"v\"\r\nhello\r\nA\r\n, world...\r\n"
	    "0\r\nX-Trailer: 1\r\n\r\nGET";
	struct jobq_buf body = JOBQ_BUF_INIT;
	size_t left;

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		check_int(feed(text, piece, 15, &body, &left), 200);
		check_text(body.data, body.len, "hello, world...");
	}
	check_int(left, 3);
	check_int(feed(text, 7, 14, &body, &left), 413);
	jobq_buf_release(&body);
}

/* A size line with an extension that ends at a place. */
static void
extend(char *text, size_t end)
{
	memset(text, 'a', end);
	memcpy(text, "1;", 2);
	memcpy(text + end, "\r\n", 3);
}

JOBQ_TEST(what_are_no_chunks_is_refused)
{
	static const char *const bad[] = { "x\r\n", "\r\n", "5\nhello\r\n",
		"5\r\nhelloX\r\n", "-5\r\n", "5 5\r\n", "123456789\r\n",
		"0\r\nX: y\n\r\n", "5\rhello\r\n", " 5\r\n" };
	struct jobq_buf body = JOBQ_BUF_INIT;
	char text[400];
	size_t left;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		check_int(feed(bad[i], 1000, 100, &body, &left), 400);
	extend(text, 250);
	check_int(feed(text, 1000, 100, &body, &left), 0);
	extend(text, 300);
	check_int(feed(text, 1000, 100, &body, &left), 400);
	jobq_buf_release(&body);
}
