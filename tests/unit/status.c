#include "status.h"
#include "../support/unit.h"

#include <errno.h>
#include <stdio.h>

JOBQ_TEST(status_exit_codes_are_those_of_the_pages)
{
	check_int(jobq_status_exit(JOBQ_OK), 0);
	check_int(jobq_status_exit(JOBQ_EMPTY), 1);
	check_int(jobq_status_exit(JOBQ_STALE), 1);
	check_int(jobq_status_exit(JOBQ_INVALID), 2);
	check_int(jobq_status_exit(JOBQ_CONFIG), 2);
	check_int(jobq_status_exit(JOBQ_UNSUPPORTED), 2);
	check_int(jobq_status_exit(JOBQ_AGAIN), 75);
	check_int(jobq_status_exit(JOBQ_IO), 75);
}

JOBQ_TEST(status_names_lead_back_to_their_statuses)
{
	for (int i = JOBQ_OK; i <= JOBQ_IO; i++) {
		const char *name = jobq_status_name((enum jobq_status)i);

		check(strlen(name) > 0);
		check_int(jobq_status_by_name(name), i);
	}
	check_str(jobq_status_name(JOBQ_AGAIN), "again");
	check_int(jobq_status_by_name("again "), -1);
	check_int(jobq_status_by_name(""), -1);
	check_int(jobq_status_by_name("OK"), -1);
}

JOBQ_TEST(status_fail_formats_returns_and_keeps_errno)
{
	struct jobq_err err = { "before" };

	errno = ENOENT;
	check_int(jobq_fail(&err, JOBQ_IO, "%s: %d", "x", 7), JOBQ_IO);
	check_str(err.text, "x: 7");
	check_int(errno, ENOENT);
	check_int(jobq_fail(NULL, JOBQ_STALE, "nobody listens"), JOBQ_STALE);
}

JOBQ_TEST(status_fail_may_use_the_text_that_is_there)
{
	struct jobq_err err = { "why" };

	jobq_fail(&err, JOBQ_IO, "what: %s (%s)", err.text, err.text);
	check_str(err.text, "what: why (why)");
	jobq_err_prefix(&err, "%s %d", "line", 3);
	check_str(err.text, "line 3: what: why (why)");
	jobq_err_prefix(NULL, "nobody");
}

JOBQ_TEST(status_long_texts_are_cut_with_dots_between_characters)
{
	struct jobq_err err;
	char text[3000];
	size_t len;

	memset(text, 'a', sizeof(text));
	text[sizeof(err.text) - 1] = '\0';
	jobq_fail(&err, JOBQ_IO, "%s", text);
	check_str(err.text, text);

	text[sizeof(err.text) - 1] = 'a';
	text[sizeof(text) - 1] = '\0';
	jobq_fail(&err, JOBQ_IO, "%s", text);
	check_int(strlen(err.text), sizeof(err.text) - 1);
	check_str(err.text + sizeof(err.text) - 5, "a...");

	for (size_t i = 0; i + 1 < sizeof(text); i++)
		text[i] = i % 2 ? '\xa9' : '\xc3';
	for (int shift = 0; shift < 2; shift++) {
		jobq_fail(&err, JOBQ_IO, "%s%s", shift ? "x" : "", text);
		len = strlen(err.text);
		check(len < sizeof(err.text));
		check_str(err.text + len - 5, "\xc3\xa9...");
		jobq_err_prefix(&err, "x");
		check(strlen(err.text) < sizeof(err.text));
		check_has(err.text, "x: ");
	}
}
