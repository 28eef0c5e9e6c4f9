#include "http_text.h"
#include "../support/unit.h"

#include <string.h>

#define DAY_MS ((int64_t)86400000)

static void
add(struct jobq_buf *headers, const char *line)
{
	jobq_http_add_header(headers, line, strlen(line));
}

/* What Retry-After of this value, with that Date (or NULL), comes to. */
static int64_t
retry_after(const char *value, const char *date)
{
	struct jobq_buf headers = JOBQ_BUF_INIT;
	struct jobq_buf line = JOBQ_BUF_INIT;
	int64_t ms = -1;

	if (date != NULL) {
		jobq_buf_printf(&line, "Date: %s\r\n", date);
		add(&headers, line.data);
		jobq_buf_clear(&line);
	}
	jobq_buf_printf(&line, "Retry-After: %s\r\n", value);
	add(&headers, line.data);
	if (!jobq_http_retry_after(&headers, DAY_MS, &ms))
		ms = -1;
	jobq_buf_release(&line);
	jobq_buf_release(&headers);
	return ms;
}

JOBQ_TEST(http_text_headers_are_found_by_their_name)
{
	struct jobq_buf headers = JOBQ_BUF_INIT;
	const char *name, *value;
	size_t cursor = 0;

	add(&headers, "Content-Type:  text/plain \r\n");
	add(&headers, "\r\n");
	add(&headers, "no header\r\n");
	add(&headers, ": nothing\r\n");
	jobq_http_add_header(&headers, "X: a\0b\r\n", 8);
	add(&headers, "X-Empty:\r\n");
	add(&headers, "x-two: a: b\r\n");
	check_str(jobq_http_find(&headers, "content-type"), "text/plain");
	check_str(jobq_http_find(&headers, "x-empty"), "");
	check_str(jobq_http_find(&headers, "x-two"), "a: b");
	check(jobq_http_find(&headers, "x") == NULL);
	check(jobq_http_find(&headers, "text/plain") == NULL);
	for (int i = 0; i < 3; i++)
		check(jobq_http_header(&headers, &cursor, &name, &value));
	check(!jobq_http_header(&headers, &cursor, &name, &value));
	jobq_buf_release(&headers);
}

JOBQ_TEST(http_text_headers_are_bounded)
{
	struct jobq_buf headers = JOBQ_BUF_INIT;

	for (int i = 0; i < 10000; i++)
		add(&headers, "X-Many: 0123456789012345678901234567890\r\n");
	check(headers.len > 60 << 10);
	check(headers.len <= 64 << 10);
	jobq_buf_release(&headers);
}

JOBQ_TEST(http_text_dates_have_three_forms)
{
	int64_t ms = 0;

	check(jobq_http_date("Sun, 06 Nov 1994 08:49:37 GMT", &ms));
	check(ms == 784111777000);
	check(jobq_http_date("Sunday, 06-Nov-94 08:49:37 GMT", &ms));
	check(ms == 784111777000);
	check(jobq_http_date("Sun Nov  6 08:49:37 1994", &ms));
	check(ms == 784111777000);
	check(!jobq_http_date("1994-11-06T08:49:37Z", &ms));
	check(!jobq_http_date("Sun, 06 Nov 1994 08:49:37 GMT x", &ms));
	check(!jobq_http_date("Sun, 06 Nov 1994 08:49:37 CET", &ms));
	check(!jobq_http_date("", &ms));
}

JOBQ_TEST(http_text_retry_after_is_seconds_or_a_date)
{
	const char *date = "Sun, 06 Nov 1994 08:49:37 GMT";

	check(retry_after("0", NULL) == 0);
	check(retry_after("120", NULL) == 120000);
	check(retry_after("86400", NULL) == DAY_MS);
	check(retry_after("86401", NULL) == DAY_MS);
	check(retry_after("99999999999999999999999999", NULL) == DAY_MS);
	/* The server's own clock is what its date is measured by. */
	check(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", date) == 60000);
	check(retry_after("Sun, 06 Nov 1994 08:48:37 GMT", date) == 0);
	check(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", NULL) == 0);
	check(retry_after("Sun, 06 Nov 2094 08:50:37 GMT", date) == DAY_MS);
	check(retry_after("-1", NULL) == -1);
	check(retry_after("1.5", NULL) == -1);
	check(retry_after("soon", NULL) == -1);
	check(retry_after("", NULL) == -1);
}

static void
check_shown(const char *url, const char *expected)
{
	struct jobq_buf out = JOBQ_BUF_INIT;

	jobq_http_show_url(url, &out);
	check_str(out.data, expected);
	jobq_buf_release(&out);
}

JOBQ_TEST(http_text_a_url_is_shown_without_secrets)
{
	check_shown("http://host/a/b", "http://host/a/b");
	check_shown("http://host:80/a?token=x", "http://host:80/a");
	check_shown("http://host/a#x?y", "http://host/a");
	check_shown("http://host?x", "http://host");
	check_shown("http://user@host/a@b", "http://host/a@b");
	check_shown("http://user:secret@host/", "http://host/");
	check_shown("http://u:p@ss@host/", "http://host/");
	check_shown("/only/a/path?x=1", "/only/a/path");
}
