#include "line.h"
#include "../support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Adds what a reader has: NUMBER=LINE|, NUMBER!long| or NUMBER!cut|. */
static void
take_all(struct jobq_reader *reader, struct jobq_buf *out)
{
	for (;;) {
		struct jobq_span line;
		struct jobq_err err;
		enum jobq_status status = jobq_reader_next(reader, &line, &err);

		if (status == JOBQ_EMPTY)
			return;
		jobq_buf_printf(out, "%lu", reader->number);
		if (status == JOBQ_OK) {
			jobq_buf_puts(out, "=");
			jobq_buf_add(out, line.at, line.len);
		} else if (status == JOBQ_INVALID) {
			char word[40];

			snprintf(
			    word, sizeof(word), "line %lu", reader->number);
			check_has(err.text, word);
			jobq_buf_puts(
			    out, strstr(err.text, "longer") ? "!long" : "!cut");
		} else {
			jobq_unit_fail(__FILE__, __LINE__, "%s", err.text);
		}
		jobq_buf_putc(out, '|');
	}
}

/* Feeds text to a reader through a pipe, step bytes at a time. */
static void
feed(struct jobq_reader *reader, const char *text, size_t len, size_t step,
    struct jobq_buf *out)
{
	int pipes[2];

	check(pipe2(pipes, O_NONBLOCK) == 0);
	reader->fd = pipes[0];
	while (len > 0) {
		size_t part = len < step ? len : step;

		check(write(pipes[1], text, part) == (ssize_t)part);
		check_int(jobq_reader_fill(reader, NULL), JOBQ_OK);
		take_all(reader, out);
		text += part;
		len -= part;
	}
	check_int(jobq_reader_fill(reader, NULL), JOBQ_EMPTY);
	check(!reader->eof);
	close(pipes[1]);
	check_int(jobq_reader_fill(reader, NULL), JOBQ_OK);
	check(reader->eof);
	take_all(reader, out);
	close(pipes[0]);
}

/* The answers must be the same however the bytes arrive. */
static void
check_lines(const char *text, size_t len, size_t max, char delimiter,
    const char *wanted)
{
	for (size_t step = 1; step <= len + 1; step++) {
		struct jobq_reader reader;
		struct jobq_buf out = JOBQ_BUF_INIT;

		jobq_reader_init(&reader, -1, max);
		reader.delimiter = delimiter;
		reader.keep_blank = reader.any_text = delimiter == '\0';
		jobq_buf_puts(&out, "");
		feed(&reader, text, len, step, &out);
		check_str(out.data, wanted);
		jobq_reader_release(&reader);
		jobq_buf_release(&out);
	}
}

#define LINES(text, max, wanted) \
	check_lines(text, sizeof(text) - 1, max, '\n', wanted)

JOBQ_TEST(line_reader_hands_out_lines_torn_anywhere)
{
	LINES("", 100, "");
	LINES("a\n", 100, "1=a|");
	LINES("{\"a\":1}\nb\n[\"c\"]\n", 100, "1={\"a\":1}|2=b|3=[\"c\"]|");
}

JOBQ_TEST(line_reader_counts_blank_lines_and_skips_them)
{
	LINES("\n\n", 100, "");
	LINES("\na\n\n \t\nb\n\n", 100, "2=a|5=b|");
	LINES("a\n  ", 100, "1=a|");
}

JOBQ_TEST(line_reader_takes_crlf_and_a_mark_at_the_beginning)
{
	LINES("a\r\n\r\nb\r\n", 100, "1=a|3=b|");
	LINES("\xef\xbb\xbf"
	      "a\nb\n",
	    100, "1=a|2=b|");
	LINES("\xef\xbb\xbf\r\nb\n", 100, "2=b|");
	LINES("\xef\xbb\xbf{}", 100, "1={}|");
	LINES("a\n\xef\xbb\xbf"
	      "b\n",
	    100,
	    "1=a|2=\xef\xbb\xbf"
	    "b|");
	LINES("a\r\r\n\rb\n", 100, "1=a\r|2=\rb|");
	LINES("\xef\xbb", 100, "1!cut|");
}

JOBQ_TEST(line_reader_takes_a_whole_last_line_and_reports_a_cut_one)
{
	LINES("{\"a\":1}\n{\"b\":2}", 100, "1={\"a\":1}|2={\"b\":2}|");
	LINES("{\"a\":1}\r\n{\"b\":2}\r", 100, "1={\"a\":1}|2={\"b\":2}|");
	LINES("{\"a\":1}\n{\"b\":2", 100, "1={\"a\":1}|2!cut|");
	LINES("{", 100, "1!cut|");
	LINES("abc", 100, "1!cut|");
}

JOBQ_TEST(line_reader_holds_to_its_limit_to_the_byte)
{
	LINES("12345678\n", 8, "1=12345678|");
	LINES("123456789\nx\n", 8, "1!long|2=x|");
	LINES("12345678\r\n123456789\r\n3\n", 8, "1=12345678|2!long|3=3|");
	LINES("\xef\xbb\xbf"
	      "12345678\r\n2\n",
	    8, "1=12345678|2=2|");
	LINES("\xef\xbb\xbf"
	      "123456789\n2\n",
	    8, "1!long|2=2|");
	LINES("12345678", 8, "1=12345678|");
	LINES("123456789", 8, "1!long|");
	LINES("1\n0123456789012345678901234567890123456789\n\n4\n", 8,
	    "1=1|2!long|4=4|");
	LINES("0123456789012345678901234567890123456789", 8, "1!long|");
	LINES("0123456789\n0123456789\n3\n", 8, "1!long|2!long|3=3|");
	LINES("         \n2\n", 8, "1!long|2=2|");
}

JOBQ_TEST(line_reader_with_nul_leaves_the_bytes_between_alone)
{
	static const char text[] = "a\nb\0\0 \0\xef\xbb\xbf\r\0last";

	check_lines(text, sizeof(text) - 1, 100, '\0',
	    "1=a\nb|2=|3= |4=\xef\xbb\xbf\r|5=last|");
	check_lines("\xef\xbb\xbf\0", 4, 100, '\0', "1=\xef\xbb\xbf|");
}

JOBQ_TEST(line_reader_at_the_limits_of_producers)
{
	FILE *file = fopen("in", "w+");
	struct jobq_reader reader;
	struct jobq_span line;
	struct jobq_err err;

	for (size_t i = 0; i < JOBQ_LINE_MAX; i++)
		fputc('x', file);
	fputc('\n', file);
	for (size_t i = 0; i <= JOBQ_LINE_MAX; i++)
		fputc('y', file);
	fputs("\nz\n", file);
	for (size_t i = 0; i <= 5 * JOBQ_LINE_MAX; i++)
		fputc('w', file);
	fputs("\nv\n", file);
	check(fflush(file) == 0 && fseek(file, 0, SEEK_SET) == 0);
	jobq_reader_init(&reader, fileno(file), JOBQ_LINE_MAX);
	check_int(jobq_reader_get(&reader, &line, &err), JOBQ_OK);
	check_int(line.len, JOBQ_LINE_MAX);
	check_int(jobq_reader_get(&reader, &line, &err), JOBQ_INVALID);
	check_has(err.text, "line 2 is longer than 1048576 bytes");
	check_int(jobq_reader_get(&reader, &line, &err), JOBQ_OK);
	check_text(line.at, line.len, "z");
	check_int(jobq_reader_get(&reader, &line, &err), JOBQ_INVALID);
	check_int(reader.number, 4);
	check_int(jobq_reader_get(&reader, &line, &err), JOBQ_OK);
	check_text(line.at, line.len, "v");
	check_int(jobq_reader_get(&reader, &line, &err), JOBQ_EMPTY);
	check_int(jobq_reader_get(&reader, &line, &err), JOBQ_EMPTY);
	check(reader.buf.cap <= 4 * JOBQ_LINE_MAX);
	jobq_reader_release(&reader);
	fclose(file);
}

JOBQ_TEST(line_reader_says_what_it_cannot_read)
{
	struct jobq_reader reader;
	struct jobq_span line;
	struct jobq_err err;
	int fd = open(".", O_RDONLY);

	jobq_reader_init(&reader, fd, 100);
	check_int(jobq_reader_get(&reader, &line, &err), JOBQ_IO);
	check_has(err.text, strerror(EISDIR));
	jobq_reader_release(&reader);
	close(fd);
}

static void
on_alarm(int number)
{
	(void)number;
}

JOBQ_TEST(line_reader_waits_for_a_slow_non_blocking_writer_and_signals)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct jobq_reader reader;
	struct jobq_span line;
	int pipes[2];
	pid_t pid;

	check(pipe2(pipes, O_NONBLOCK) == 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 5; i++) {
			usleep(20000);
			kill(getppid(), SIGUSR1);
			check(write(pipes[1], "ab", 2) == 2);
		}
		check(write(pipes[1], "\n", 1) == 1);
		_exit(0);
	}
	sigaction(SIGUSR1, &action, NULL);
	close(pipes[1]);
	jobq_reader_init(&reader, pipes[0], 100);
	check_int(jobq_reader_get(&reader, &line, NULL), JOBQ_OK);
	check_text(line.at, line.len, "ababababab");
	check_int(jobq_reader_get(&reader, &line, NULL), JOBQ_EMPTY);
	jobq_reader_release(&reader);
}

/* All that a pipe holds now. */
static void
drain(int fd, struct jobq_buf *out)
{
	char bytes[8192];
	ssize_t got;

	while ((got = read(fd, bytes, sizeof(bytes))) > 0)
		jobq_buf_add(out, bytes, (size_t)got);
}

JOBQ_TEST(line_writer_keeps_what_the_pipe_does_not_take)
{
	struct jobq_writer writer;
	struct jobq_buf all = JOBQ_BUF_INIT;
	struct jobq_buf out = JOBQ_BUF_INIT;
	int pipes[2];

	signal(SIGPIPE, SIG_IGN);
	check(pipe2(pipes, O_NONBLOCK) == 0);
	jobq_writer_init(&writer, pipes[1]);
	check_int(jobq_writer_pending(&writer), 0);
	check_int(jobq_writer_step(&writer, 0, NULL), JOBQ_OK);
	for (int i = 0; i < 30000; i++) {
		char line[40];
		int len = snprintf(line, sizeof(line), "{\"line\":%d}", i);

		jobq_writer_line(&writer, line, (size_t)len);
		jobq_buf_printf(&all, "%s\n", line);
		if (i % 100 == 0)
			check_int(jobq_writer_step(&writer, 0, NULL), 0);
		if (i % 3000 == 0)
			drain(pipes[0], &out);
	}
	while (jobq_writer_pending(&writer) > 0) {
		check_int(jobq_writer_step(&writer, 0, NULL), JOBQ_OK);
		drain(pipes[0], &out);
	}
	drain(pipes[0], &out);
	check(out.len == all.len && memcmp(out.data, all.data, all.len) == 0);
	jobq_writer_line(&writer, "x", 1);
	close(pipes[0]);
	check_int(jobq_writer_step(&writer, 0, NULL), JOBQ_IO);
	check_int(jobq_writer_flush(&writer, NULL), JOBQ_IO);
	jobq_writer_release(&writer);
	jobq_buf_release(&all);
	jobq_buf_release(&out);
}

JOBQ_TEST(line_writer_holds_no_more_than_its_backlog)
{
	struct jobq_writer writer;
	struct jobq_buf out = JOBQ_BUF_INIT;
	char line[1000];
	int pipes[2];

	memset(line, 'x', sizeof(line));
	check(pipe2(pipes, O_NONBLOCK) == 0);
	jobq_writer_init(&writer, pipes[1]);
	for (int i = 0; i < 20000; i++) {
		jobq_writer_line(&writer, line, sizeof(line));
		if (jobq_writer_pending(&writer) > 100000)
			check_int(jobq_writer_step(&writer, 4000, NULL), 0);
		jobq_buf_clear(&out);
		drain(pipes[0], &out);
		check(jobq_writer_pending(&writer) > 0);
	}
	check(writer.buf.cap <= 1 << 20);
	jobq_writer_release(&writer);
	jobq_buf_release(&out);
}

JOBQ_TEST(line_writer_never_tears_a_line_that_fits_into_a_step)
{
	struct jobq_writer writer;
	struct jobq_buf out = JOBQ_BUF_INIT;
	char line[3000];
	size_t total = 0;
	int pipes[2];

	memset(line, 'x', sizeof(line));
	check(pipe2(pipes, O_NONBLOCK) == 0);
	jobq_writer_init(&writer, pipes[1]);
	for (size_t i = 0; i < 200; i++) {
		jobq_writer_line(&writer, line, 1 + i * 37 % 2900);
		total += 2 + i * 37 % 2900;
	}
	while (jobq_writer_pending(&writer) > 0) {
		size_t before = jobq_writer_pending(&writer);
		size_t step;

		check_int(jobq_writer_step(&writer, PIPE_BUF, NULL), JOBQ_OK);
		step = before - jobq_writer_pending(&writer);
		check(step > 0 && step <= PIPE_BUF);
		drain(pipes[0], &out);
		check_int(out.data[out.len - 1], '\n');
	}
	check_int(out.len, total);
	jobq_writer_release(&writer);
	jobq_buf_release(&out);
}

JOBQ_TEST(line_writer_sends_a_line_longer_than_a_step_in_parts)
{
	struct jobq_writer writer;
	struct jobq_buf out = JOBQ_BUF_INIT;
	char line[3 * PIPE_BUF];
	int pipes[2];

	memset(line, 'x', sizeof(line));
	check(pipe2(pipes, O_NONBLOCK) == 0);
	jobq_writer_init(&writer, pipes[1]);
	jobq_writer_line(&writer, line, sizeof(line));
	jobq_writer_line(&writer, "y", 1);
	for (int i = 0; i < 4; i++)
		check_int(jobq_writer_step(&writer, PIPE_BUF, NULL), JOBQ_OK);
	check_int(jobq_writer_pending(&writer), 0);
	drain(pipes[0], &out);
	check_int(out.len, sizeof(line) + 3);
	check_str(out.data + sizeof(line), "\ny\n");
	jobq_writer_release(&writer);
	jobq_buf_release(&out);
}

JOBQ_TEST(line_writer_flush_waits_for_a_slow_reader)
{
	struct jobq_writer writer;
	char line[1000];
	int pipes[2];
	pid_t pid;

	memset(line, 'x', sizeof(line));
	check(pipe2(pipes, O_NONBLOCK) == 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		struct jobq_reader reader;
		struct jobq_span span;
		int count = 0;

		close(pipes[1]);
		jobq_reader_init(&reader, pipes[0], 2000);
		reader.any_text = true;
		usleep(50000);
		while (jobq_reader_get(&reader, &span, NULL) == JOBQ_OK)
			count += span.len == sizeof(line);
		_exit(count == 500 ? 0 : 1);
	}
	close(pipes[0]);
	jobq_writer_init(&writer, pipes[1]);
	for (int i = 0; i < 500; i++)
		jobq_writer_line(&writer, line, sizeof(line));
	check_int(jobq_writer_flush(&writer, NULL), JOBQ_OK);
	check_int(jobq_writer_pending(&writer), 0);
	close(pipes[1]);
	check_int(jobq_unit_wait(pid), 0);
	jobq_writer_release(&writer);
}

JOBQ_TEST(line_writer_tells_a_full_disk)
{
	struct jobq_writer writer;
	struct jobq_err err;
	int fd = open("/dev/full", O_WRONLY);

	jobq_writer_init(&writer, fd);
	jobq_writer_line(&writer, "x", 1);
	check_int(jobq_writer_flush(&writer, &err), JOBQ_IO);
	check_has(err.text, strerror(ENOSPC));
	jobq_writer_release(&writer);
	close(fd);
}
