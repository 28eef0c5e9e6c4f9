#include "run_stream.h"

#include "mem.h"
#include "unit.h"

#include <stdlib.h>

#include "banned.h"

static struct jobq_stream stream;
static struct jobq_piece piece;

static void
add(const char *text)
{
	jobq_stream_add(&stream, text, strlen(text));
}

/* Adds count times the same character. */
static void
add_many(char c, size_t count)
{
	char *text = jobq_xmalloc(count);

	memset(text, c, count);
	jobq_stream_add(&stream, text, count);
	free(text);
}

static void
check_piece(const char *text, uint64_t dropped, bool eof)
{
	check(jobq_stream_take(&stream, false, &piece));
	check_text(piece.bytes, piece.len, text);
	check_int(piece.dropped, dropped);
	check_int(piece.eof, eof);
}

JOBQ_TEST(a_piece_holds_whole_lines)
{
	jobq_stream_begin(&stream, 1000);
	check(!jobq_stream_ready(&stream));
	add("one\ntw");
	check_piece("one", 0, false);
	check(!jobq_stream_ready(&stream));
	add("o\n\nthree");
	check_piece("two\n", 0, false);
	check(!jobq_stream_take(&stream, false, &piece));
	stream.eof = true;
	check_piece("three", 0, true);
	check(!jobq_stream_ready(&stream));
}

JOBQ_TEST(a_piece_of_one_line_is_one_line)
{
	static const char *const lines[] = { "one", "", "two", "three" };

	jobq_stream_begin(&stream, 1000);
	add("one\n\ntwo\nthree");
	stream.eof = true;
	for (int i = 0; i < 4; i++) {
		check(jobq_stream_take(&stream, true, &piece));
		check_text(piece.bytes, piece.len, lines[i]);
		check_int(piece.eof, i == 3);
	}
	check(!jobq_stream_ready(&stream));
}

JOBQ_TEST(pieces_are_cut_between_lines)
{
	jobq_stream_begin(&stream, (size_t)1 << 20);
	add_many('a', JOBQ_PIECE_MAX - 1);
	add("\nb\nc\n");
	check(jobq_stream_take(&stream, false, &piece));
	check_int(piece.len, JOBQ_PIECE_MAX - 1);
	check_int(piece.dropped, 0);
	check_piece("b\nc", 0, false);
	/* A line of exactly the limit is whole. */
	add_many('a', JOBQ_PIECE_MAX);
	add("\n");
	check(jobq_stream_take(&stream, false, &piece));
	check_int(piece.len, JOBQ_PIECE_MAX);
	check_int(piece.dropped, 0);
}

JOBQ_TEST(a_long_line_is_cut_at_a_character_and_counted)
{
	jobq_stream_begin(&stream, (size_t)1 << 20);
	add_many('a', JOBQ_PIECE_MAX - 1);
	add("\xe2\x82\xac"
	    "tail\nnext\n");
	check(jobq_stream_take(&stream, false, &piece));
	check_int(piece.len, JOBQ_PIECE_MAX - 1);
	check_int(piece.dropped, 7);
	check(!piece.eof);
	check_piece("next", 0, false);
}

JOBQ_TEST(what_is_beyond_the_limit_is_counted)
{
	jobq_stream_begin(&stream, 10);
	add("one\ntwo\nthree\nfour\n");
	check_text(stream.head.data, stream.head.len, "one\ntwo\nth");
	check_int(stream.over_bytes, 9);
	check_piece("one\ntwo", 0, false);
	check(!jobq_stream_ready(&stream));
	stream.eof = true;
	/* Its line had an end, and "ree" is missing. */
	check_piece("th", 3, false);
}

JOBQ_TEST(a_cut_line_that_never_ends_is_counted_to_the_end)
{
	jobq_stream_begin(&stream, 10);
	add("0123456789ab");
	add("cd");
	stream.eof = true;
	check_piece("0123456789", 4, true);
}

static void
check_tail(const char *text)
{
	struct jobq_buf tail = JOBQ_BUF_INIT;

	jobq_stream_tail(&stream, &tail);
	check_text(tail.data, tail.len, text);
	jobq_buf_release(&tail);
}

JOBQ_TEST(the_tail_is_all_of_a_short_stream)
{
	jobq_stream_begin(&stream, 1000);
	add("one\ntwo\n");
	check_tail("one\ntwo\n");
	jobq_stream_begin(&stream, 5);
	add("one\ntwo\nthr");
	check_tail("one\ntwo\nthr");
}

JOBQ_TEST(the_tail_of_a_long_stream_begins_with_a_line)
{
	struct jobq_buf tail = JOBQ_BUF_INIT;

	for (size_t limit = 100; limit < 100000; limit *= 3) {
		jobq_stream_begin(&stream, limit);
		for (int i = 0; i < 5000; i++)
			add("0123456789\n");
		add("last");
		jobq_stream_tail(&stream, &tail);
		check(tail.len <= JOBQ_TAIL_MAX);
		check(tail.len >= JOBQ_TAIL_MAX - 11);
		check(memcmp(tail.data, "0123456789\n", 11) == 0);
		check_str(tail.data + tail.len - 5, "\nlast");
	}
	/* Without a newline it is just the end. */
	jobq_stream_begin(&stream, 100);
	add_many('x', 50000);
	jobq_stream_tail(&stream, &tail);
	check_int(tail.len, JOBQ_TAIL_MAX);
	jobq_buf_release(&tail);
}

static void
check_put(const char *bytes, size_t len, const char *wanted)
{
	struct jobq_buf out = JOBQ_BUF_INIT;

	jobq_bytes_put(&out, "text", bytes, len);
	check_str(out.data, wanted);
	jobq_buf_release(&out);
}

JOBQ_TEST(bytes_are_text_or_base64)
{
	check_put("", 0, ",\"text\":\"\"");
	check_put("a\n\"\xc3\xa9", 5, ",\"text\":\"a\\n\\\"\xc3\xa9\"");
	check_put("a", 2, ",\"base64\":\"YQA=\"");
	check_put("\xff", 1, ",\"base64\":\"/w==\"");
	check_put("\xfb\xff\xfe", 3, ",\"base64\":\"+//+\"");
}
