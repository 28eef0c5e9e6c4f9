#include "buf.h"
#include "mem.h"
#include "../support/unit.h"

#include <sys/resource.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

JOBQ_TEST(buf_is_terminated_whatever_was_added)
{
	struct jobq_buf buf = JOBQ_BUF_INIT;

	jobq_buf_clear(&buf);
	check(buf.data == NULL);
	jobq_buf_add(&buf, NULL, 0);
	check_text(buf.data, buf.len, "");
	check_int(buf.data[0], 0);
	jobq_buf_puts(&buf, "abc");
	jobq_buf_putc(&buf, 'd');
	jobq_buf_add(&buf, "e\0f", 3);
	check_int(buf.len, 7);
	check(memcmp(buf.data, "abcde\0f", 8) == 0);
	jobq_buf_clear(&buf);
	check_str(buf.data, "");
	jobq_buf_release(&buf);
	check(buf.data == NULL && buf.len == 0 && buf.cap == 0);
}

JOBQ_TEST(buf_grows_byte_by_byte_and_at_once)
{
	struct jobq_buf buf = JOBQ_BUF_INIT;

	for (int i = 0; i < 100000; i++) {
		jobq_buf_putc(&buf, (char)('a' + i % 26));
		check(buf.len < buf.cap);
		check_int(buf.data[buf.len], 0);
	}
	for (int i = 0; i < 100000; i++)
		check_int(buf.data[i], 'a' + i % 26);
	jobq_buf_reserve(&buf, 5000000);
	check(buf.cap > buf.len + 5000000);
	jobq_buf_release(&buf);
}

JOBQ_TEST(buf_reserved_room_keeps_the_memory_in_its_place)
{
	for (size_t room = 0; room < 300; room++) {
		struct jobq_buf buf = JOBQ_BUF_INIT;
		char *data;

		jobq_buf_reserve(&buf, room);
		data = buf.data;
		for (size_t i = 0; i < room; i++)
			jobq_buf_putc(&buf, 'x');
		check(buf.data == data);
		jobq_buf_release(&buf);
	}
}

JOBQ_TEST(buf_printf_and_numbers)
{
	struct jobq_buf buf = JOBQ_BUF_INIT;
	char text[500];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	jobq_buf_printf(&buf, "%d-%s", 12, text);
	check_int(buf.len, 3 + 499);
	check_int(strlen(buf.data), buf.len);
	jobq_buf_clear(&buf);
	jobq_buf_int(&buf, 0);
	jobq_buf_putc(&buf, ' ');
	jobq_buf_int(&buf, -42);
	jobq_buf_putc(&buf, ' ');
	jobq_buf_int(&buf, INT64_MAX);
	jobq_buf_putc(&buf, ' ');
	jobq_buf_int(&buf, INT64_MIN);
	check_str(buf.data, "0 -42 9223372036854775807 "
			    "-9223372036854775808");
	jobq_buf_release(&buf);
}

JOBQ_TEST(buf_drop_moves_the_rest_to_the_front)
{
	struct jobq_buf buf = JOBQ_BUF_INIT;

	jobq_buf_drop(&buf, 0);
	jobq_buf_puts(&buf, "hello world");
	jobq_buf_drop(&buf, 6);
	check_str(buf.data, "world");
	check_int(buf.len, 5);
	jobq_buf_drop(&buf, 5);
	check_str(buf.data, "");
	jobq_buf_release(&buf);
}

JOBQ_TEST(buf_detach_gives_the_text_away)
{
	struct jobq_buf buf = JOBQ_BUF_INIT;
	char *text = jobq_buf_detach(&buf);

	check_str(text, "");
	free(text);
	jobq_buf_puts(&buf, "mine");
	text = jobq_buf_detach(&buf);
	check_str(text, "mine");
	check(buf.data == NULL && buf.len == 0 && buf.cap == 0);
	free(text);
}

static void
check_escape(const char *text, size_t len, const char *wanted)
{
	struct jobq_buf buf = JOBQ_BUF_INIT;

	jobq_buf_escape(&buf, text, len);
	check_text(buf.data, buf.len, wanted);
	jobq_buf_release(&buf);
}

#define ESCAPE(text, wanted) check_escape(text, sizeof(text) - 1, wanted)

JOBQ_TEST(buf_escape_leaves_nothing_that_steers_a_terminal)
{
	ESCAPE("plain \xc3\xa9 \xf0\x9f\x8c\x8d", "plain \xc3\xa9 "
						  "\xf0\x9f\x8c\x8d");
	ESCAPE("", "");
	ESCAPE("\x1b]0;x\a\n\t\r\x7f", "\\x1b]0;x\\x07\\x0a\\x09\\x0d\\x7f");
	ESCAPE("a\0b", "a\\x00b");
	ESCAPE("\xc2\x9b"
	       "31m",
	    "\\u009b31m"); /* C1, as UTF-8 */
	ESCAPE("\x9b"
	       "31m",
	    "\\x9b31m"); /* and bare */
	ESCAPE("\xe2\x80\xae\xe2\x81\xa6\xd8\x9c", "\\u202e\\u2066\\u061c");
	ESCAPE("\xe2\x80\x8e\xe2\x80\x8f", "\\u200e\\u200f");
	ESCAPE("\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029");
	ESCAPE("\xff\xc3", "\\xff\\xc3");
	ESCAPE("\xe2\x80", "\\xe2\\x80");
	ESCAPE("\xed\xa0\x80", "\\xed\\xa0\\x80");
}

/* Runs fn in a child with its stderr in a pipe; the exit or signal. */
static int
outcome(void (*fn)(void), char *said, size_t size)
{
	int pipes[2];
	size_t len = 0;
	ssize_t got;
	pid_t pid;

	check(pipe(pipes) == 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		fn();
		_exit(0);
	}
	close(pipes[1]);
	while (len + 1 < size &&
	       (got = read(pipes[0], said + len, size - 1 - len)) > 0)
		len += (size_t)got;
	said[len] = '\0';
	close(pipes[0]);
	return jobq_unit_wait(pid);
}

#ifndef __SANITIZE_ADDRESS__ /* which aborts on such sizes by itself */

static void
want_overflow(void)
{
	jobq_xcalloc(SIZE_MAX / 2, 4);
}

static void
want_overflow_again(void)
{
	jobq_xrealloc(NULL, SIZE_MAX / 2, 4);
}

static void
want_endless_buf(void)
{
	struct jobq_buf buf = JOBQ_BUF_INIT;

	jobq_buf_reserve(&buf, SIZE_MAX / 2);
}

JOBQ_TEST(mem_without_memory_exits_75_with_one_line)
{
	static void (*const wants[])(
	    void) = { want_overflow, want_overflow_again, want_endless_buf };
	char said[2000];

	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		check_int(outcome(wants[i], said, sizeof(said)), 75);
		check_has(said, "out of memory");
		check(strchr(said, '\n') == said + strlen(said) - 1);
	}
}

#endif

static void
drop_too_much(void)
{
	struct jobq_buf buf = JOBQ_BUF_INIT;

	jobq_buf_puts(&buf, "abc");
	jobq_buf_drop(&buf, 4);
}

JOBQ_TEST(mem_bugs_abort_and_say_where)
{
	char said[2000];

	check_int(outcome(drop_too_much, said, sizeof(said)), -SIGABRT);
	check_has(said, "buf.c:");
}

JOBQ_TEST(mem_sizes_of_nothing_and_copies)
{
	char *text;
	int *array = NULL;
	size_t cap = 0;

	free(jobq_xmalloc(0));
	free(jobq_xcalloc(0, 10));
	text = jobq_xrealloc(NULL, 0, 1);
	check(text != NULL);
	free(text);
	text = jobq_xstrndup("abc\0def", 7);
	check(memcmp(text, "abc\0def", 8) == 0);
	free(text);
	for (int i = 0; i < 1000; i++) {
		array = jobq_grow(array, (size_t)i, &cap, sizeof(*array));
		check(cap > (size_t)i);
		array[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		check_int(array[i], i);
	free(array);
}
