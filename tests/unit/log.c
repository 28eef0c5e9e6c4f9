#include "log.h"

#include "buf.h"
#include "json.h"
#include "unit.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "banned.h"

static struct jobq_buf text;

/* The whole of a file, or NULL when there is none. */
static const char *
contents(const char *file)
{
	char piece[4096];
	ssize_t n;
	int fd = open(file, O_RDONLY);

	if (fd < 0)
		return NULL;
	jobq_buf_clear(&text);
	jobq_buf_puts(&text, "");
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		jobq_buf_add(&text, piece, (size_t)n);
	close(fd);
	return text.data;
}

static void
stderr_to(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);

	check(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
	close(fd);
}

static void
open_log(struct jobq_log_options options)
{
	struct jobq_err err;

	if (!options.name)
		options.name = "jobq-x";
	check_int(jobq_log_open(&options, &err), JOBQ_OK);
}

JOBQ_TEST(before_it_is_open_messages_carry_the_name_of_the_program)
{
	stderr_to("err");
	jobq_log(JOBQ_WARNING, "careful with %d", 3);
	jobq_log(JOBQ_INFO, "not said");
	check_str(contents("err"), "log: careful with 3\n");
}

JOBQ_TEST(a_plain_message_is_name_and_text)
{
	stderr_to("err");
	open_log((struct jobq_log_options){ .level = JOBQ_INFO });
	jobq_log(JOBQ_INFO, "one");
	jobq_log_code(JOBQ_ERROR, "bad_line", "job-1", "two");
	check_str(contents("err"), "jobq-x: one\njobq-x: two\n");
}

JOBQ_TEST(what_is_less_than_the_level_is_not_said)
{
	stderr_to("err");
	open_log((struct jobq_log_options){ .level = JOBQ_ERROR });
	check(!jobq_log_wants(JOBQ_WARNING));
	check(jobq_log_wants(JOBQ_ERROR));
	check(jobq_log_wants(JOBQ_CRITICAL));
	jobq_log(JOBQ_WARNING, "one");
	jobq_log(JOBQ_CRITICAL, "two");
	check_str(contents("err"), "jobq-x: two\n");
}

JOBQ_TEST(levels_are_known_in_any_case)
{
	check_int(jobq_level_by_name("DEBUG"), JOBQ_DEBUG);
	check_int(jobq_level_by_name("info"), JOBQ_INFO);
	check_int(jobq_level_by_name("Warning"), JOBQ_WARNING);
	check_int(jobq_level_by_name("eRROR"), JOBQ_ERROR);
	check_int(jobq_level_by_name("critical"), JOBQ_CRITICAL);
	check_int(jobq_level_by_name("warn"), -1);
	check_int(jobq_level_by_name(""), -1);
}

JOBQ_TEST(the_text_format_has_local_time_name_and_level)
{
	int year, month, day, hour, minute, second, end = 0;

	setenv("TZ", "XYZ-5:30", 1);
	stderr_to("err");
	open_log((struct jobq_log_options){
	    .format = JOBQ_LOG_TEXT, .name = "mail" });
	time_t before = time(NULL) + (5 * 60 + 30) * 60;
	jobq_log(JOBQ_WARNING, "hello");
	const char *line = contents("err");
	check_int(sscanf(line, "%4d-%2d-%2d %2d:%2d:%2d%n", &year, &month, &day,
		      &hour, &minute, &second, &end),
	    6);
	check_int(end, 19);
	check_str(line + end, " - mail - WARNING - hello\n");
	struct tm tm = { .tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
		.tm_sec = second };
	time_t said = timegm(&tm);
	check(said >= before && said <= before + 20);
}

JOBQ_TEST(the_json_format_is_one_object_with_code_and_job)
{
	struct jobq_object object = { NULL, 0, 0 };
	struct jobq_err err;

	stderr_to("err");
	open_log((struct jobq_log_options){ .format = JOBQ_LOG_JSON });
	jobq_log_code(JOBQ_ERROR, "stale_lease", "job-1", "a \"b\"\n%s", "c");
	const char *line = contents("err");
	check_int(jobq_object_scan(&object, line, strlen(line), &err), JOBQ_OK);
	check_int(object.count, 6);
	check(jobq_object_get(&object, "ts"));
	check(jobq_span_is(*jobq_object_get(&object, "level"), "\"ERROR\""));
	check(jobq_span_is(*jobq_object_get(&object, "cmd"), "\"jobq-x\""));
	check(jobq_span_is(
	    *jobq_object_get(&object, "msg"), "\"a \\\"b\\\"\\\\x0ac\""));
	check(
	    jobq_span_is(*jobq_object_get(&object, "code"), "\"stale_lease\""));
	check(jobq_span_is(*jobq_object_get(&object, "job_id"), "\"job-1\""));
}

JOBQ_TEST(json_leaves_out_what_is_not_given)
{
	stderr_to("err");
	open_log((struct jobq_log_options){ .format = JOBQ_LOG_JSON });
	jobq_log(JOBQ_ERROR, "x");
	check_has(contents("err"), "\"msg\":\"x\"}\n");
}

JOBQ_TEST(an_error_gives_its_status_as_code)
{
	static const struct {
		enum jobq_status status;
		const char *code;
	} codes[] = {
		{ JOBQ_STALE, "\"stale_lease\"" },
		{ JOBQ_AGAIN, "\"temporary\"" },
		{ JOBQ_INVALID, "\"bad_line\"" },
		{ JOBQ_CONFIG, "\"config\"" },
		{ JOBQ_UNSUPPORTED, "\"unsupported\"" },
		{ JOBQ_IO, "\"io\"" },
	};
	struct jobq_err err;

	stderr_to("err");
	open_log((struct jobq_log_options){ .format = JOBQ_LOG_JSON });
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		jobq_fail(&err, codes[i].status, "no %zu", i);
		jobq_log_err(JOBQ_ERROR, codes[i].status, &err);
		check_has(contents("err"), codes[i].code);
	}
}

JOBQ_TEST(no_text_can_steer_a_terminal_or_forge_a_line)
{
	static const char evil[] =
	    "\x1b]0;x\a\n2026 - forged\xc2\x9b\u202e\xff";

	stderr_to("err");
	open_log((struct jobq_log_options){ .level = JOBQ_INFO });
	jobq_log(JOBQ_INFO, "%s", evil);
	open_log((struct jobq_log_options){ .format = JOBQ_LOG_JSON });
	jobq_log(JOBQ_INFO, "%s", evil);
	const char *lines = contents("err");
	int newlines = 0;
	for (const char *c = lines; *c; c++) {
		newlines += *c == '\n';
		check(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
	}
	check_int(newlines, 2);
	check_has(lines, "\\x1b]0;x\\x07\\x0a2026 - forged");
}

JOBQ_TEST(a_message_is_cut_to_what_one_write_takes)
{
	char *letters = malloc(20001);

	memset(letters, 'a', 20000);
	letters[20000] = '\0';
	stderr_to("err");
	jobq_log(JOBQ_ERROR, "%s", letters);
	const char *line = contents("err");
	check(strlen(line) <= 4096);
	check_has(line, "aaa...\n");
}

JOBQ_TEST(errno_is_kept)
{
	stderr_to("/dev/full");
	errno = ENOTDIR;
	jobq_log(JOBQ_ERROR, "x");
	check_int(errno, ENOTDIR);
}

JOBQ_TEST(a_file_is_added_to_and_stderr_left_alone)
{
	stderr_to("err");
	for (int i = 0; i < 2; i++) {
		open_log((struct jobq_log_options){ .file = "log" });
		jobq_log(JOBQ_ERROR, "%d", i);
	}
	check_str(contents("log"), "jobq-x: 0\njobq-x: 1\n");
	check_str(contents("err"), "");
}

JOBQ_TEST(a_file_that_cannot_be_opened_is_told_with_the_reason)
{
	struct jobq_log_options options = { .file = "no/such/log" };
	struct jobq_err err;

	check_int(jobq_log_open(&options, &err), JOBQ_CONFIG);
	check_str(err.text,
	    "unable to open log file 'no/such/log': No such file or directory");
}

JOBQ_TEST(what_a_full_disk_does_not_take_goes_to_stderr)
{
	stderr_to("err");
	open_log((struct jobq_log_options){ .file = "/dev/full" });
	jobq_log(JOBQ_ERROR, "one");
	check_str(contents("err"), "jobq-x: one\n");
}

/* Lines of ten bytes into files of at most 30. */
static void
write_lines(int count, int keep)
{
	open_log((struct jobq_log_options){ .file = "log",
	    .name = "n",
	    .rotate_bytes = 30,
	    .rotate_keep = keep });
	for (int i = 0; i < count; i++)
		jobq_log(JOBQ_ERROR, "line-%d", i);
}

JOBQ_TEST(a_file_that_would_grow_too_long_is_moved_aside)
{
	write_lines(3, 2);
	check_str(contents("log"), "n: line-0\nn: line-1\nn: line-2\n");
	check_str(contents("log.1"), NULL);
	jobq_log(JOBQ_ERROR, "line-3");
	check_str(contents("log"), "n: line-3\n");
	check_str(contents("log.1"), "n: line-0\nn: line-1\nn: line-2\n");
}

JOBQ_TEST(only_as_many_old_files_stay_as_are_asked_for)
{
	write_lines(10, 2);
	check_str(contents("log"), "n: line-9\n");
	check_str(contents("log.1"), "n: line-6\nn: line-7\nn: line-8\n");
	check_str(contents("log.2"), "n: line-3\nn: line-4\nn: line-5\n");
	check_str(contents("log.3"), NULL);
}

JOBQ_TEST(keeping_none_begins_anew)
{
	write_lines(4, 0);
	check_str(contents("log"), "n: line-3\n");
	check_str(contents("log.1"), NULL);
}

JOBQ_TEST(a_message_longer_than_the_limit_is_written_all_the_same)
{
	write_lines(0, 2);
	jobq_log(JOBQ_ERROR, "a message that is longer than thirty bytes");
	check_str(contents("log.1"), NULL);
	jobq_log(JOBQ_ERROR, "another");
	check_has(contents("log.1"), "longer than thirty bytes\n");
	check_str(contents("log"), "n: another\n");
}

JOBQ_TEST(a_file_moved_away_by_others_is_opened_anew)
{
	open_log((struct jobq_log_options){ .file = "log", .name = "n" });
	jobq_log(JOBQ_ERROR, "one");
	check_int(rename("log", "moved"), 0);
	jobq_log(JOBQ_ERROR, "two");
	check_str(contents("moved"), "n: one\n");
	check_str(contents("log"), "n: two\n");
}

enum { WRITERS = 4, LINES = 900, FULL = 450, LONGEST = 9 };

static int seen[WRITERS][LINES];

/* Counts the lines of one file; false when there is none. */
static bool
count_lines(const char *name)
{
	const char *line = contents(name);
	int writer, number, end;

	if (!line)
		return false;
	for (; *line; line += end + 1) {
		check_int(
		    sscanf(line, "n: %d %d%n", &writer, &number, &end), 2);
		check(line[end] == '\n');
		check(writer >= 0 && writer < WRITERS);
		check(number >= 0 && number < LINES);
		seen[writer][number]++;
	}
	return true;
}

/*
 * Every line is whole and there once, and a file was moved only when it was
 * full: two processes never move one after another for the same reason.
 */
JOBQ_TEST(several_processes_rotate_one_file_without_losing_a_line)
{
	char name[16];

	for (int writer = 0; writer < WRITERS; writer++) {
		if (fork())
			continue;
		open_log((struct jobq_log_options){ .file = "log",
		    .name = "n",
		    .rotate_bytes = FULL,
		    .rotate_keep = 99 });
		for (int i = 0; i < LINES; i++)
			jobq_log(JOBQ_ERROR, "%d %d", writer, i);
		_exit(0);
	}
	for (int writer = 0; writer < WRITERS; writer++) {
		int status;
		check(wait(&status) > 0 && status == 0);
	}
	check(count_lines("log"));
	int file = 1;
	for (; file <= 99; file++) {
		snprintf(name, sizeof(name), "log.%d", file);
		if (!count_lines(name))
			break;
		check(text.len > FULL - LONGEST);
	}
	check(file > 3);
	for (; file <= 99; file++) {
		snprintf(name, sizeof(name), "log.%d", file);
		check_str(contents(name), NULL);
	}
	for (int writer = 0; writer < WRITERS; writer++)
		for (int i = 0; i < LINES; i++)
			check_int(seen[writer][i], 1);
}
