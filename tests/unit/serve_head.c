#include "serve/head.h"
#include "../support/unit.h"

#include "buf.h"

#include <string.h>

/*
 * The verdict about a text that is whole. Fed byte by byte it must be the
 * same one, and none before the last byte that it needs.
 */
static int
verdict(const char *text, size_t len)
{
	struct jobq_head head;
	const char *why = NULL;
	int whole = jobq_head_check(text, len, &head, &why), part = 0;

	check(whole >= 0 || why != NULL);
	for (size_t i = 0; i <= len && part == 0; i++) {
		part = jobq_head_check(text, i, &head, &why);
		check(part <= (int)i);
	}
	check_int(part, whole);
	return whole;
}

static int
verdict_of(const char *text)
{
	return verdict(text, strlen(text));
}

#define START "GET / HTTP/1.1\r\nHost: a\r\n"

JOBQ_TEST(serve_head_good_heads_are_read)
{
	static const char text[] = "POST /a/b?c=%20d HTTP/1.1\r\n"
				   "host:  localhost:8000 \r\n"
				   "Content-Length: 12\r\n"
				   "Origin: http://x\r\n"
				   "SEC-FETCH-SITE: same-origin\r\n"
				   "Expect: 100-Continue\r\n"
				   "Authorization: Bearer y\r\n"
				   "Empty:\r\n\r\n{\"a\":";
	static const char *const good[] = {
		START "\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"GET /.x/..y/z.. HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a?b=../.. HTTP/1.1\r\nHost: a\r\n\r\n",
		START "X: \xc3\xa4\r\n\r\n",
		START "Transfer-Encoding: Chunked\r\n\r\n",
	};
	struct jobq_head head;
	const char *why = NULL;

	check_int(jobq_head_check(text, sizeof(text) - 1, &head, &why),
	    (int)sizeof(text) - 1 - 5);
	check_text(head.method.at, head.method.len, "POST");
	check_text(head.target.at, head.target.len, "/a/b?c=%20d");
	check_text(head.host.at, head.host.len, "localhost:8000");
	check_text(head.length.at, head.length.len, "12");
	check_text(head.origin.at, head.origin.len, "http://x");
	check_text(head.fetch_site.at, head.fetch_site.len, "same-origin");
	check_text(head.authorization.at, head.authorization.len, "Bearer y");
	check(head.expects && !head.websocket && !head.chunked);
	check(head.upgrade.at == NULL);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		check_int(verdict_of(good[i]), (int)strlen(good[i]));
	check(jobq_head_check(START "upgrade: WebSocket\r\n\r\n",
		  strlen(START) + 22, &head, &why) > 0);
	check(head.websocket);
	check_text(head.upgrade.at, head.upgrade.len, "WebSocket");
}

JOBQ_TEST(serve_head_malformed_requests_are_refused)
{
	static const struct {
		int status;
		const char *text;
	} bad[] = {
		{ 400, "GET / HTTP/1.1\nHost: a\n\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n" },
		{ 400, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /\r\n\r\n" },
		{ 400, "GET / http/1.1\r\nHost: a\r\n\r\n" },
		{ 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n" },
		{ 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n" },
		{ 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
		{ 400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /.. HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /a/.%2e?x HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n\r\n" },
		{ 400, START "Host: b\r\n\r\n" },
		{ 400, START "no colon\r\n\r\n" },
		{ 400, START ": no name\r\n\r\n" },
		{ 400, START "X : a\r\n\r\n" },
		{ 400, START " folded\r\n\r\n" },
		{ 400, START "X: a\x01\r\n\r\n" },
		{ 400, START "X: a\x7f\r\n\r\n" },
		{ 400, START "Content-Length: 1\r\nContent-Length: 1\r\n\r\n" },
		{ 400, START "Content-Length: +1\r\n\r\n" },
		{ 400, START "Content-Length: 1, 1\r\n\r\n" },
		{ 400, START "Content-Length: 0x1\r\n\r\n" },
		{ 400, START "Content-Length:\r\n\r\n" },
		{ 400, START "Content-Length: 9999999999999999\r\n\r\n" },
		{ 400, START "Content-Length: 1\r\nTransfer-Encoding: chunked"
			     "\r\n\r\n" },
		{ 400, START "Transfer-Encoding: chunked\r\nContent-Length: 1"
			     "\r\n\r\n" },
		{ 501, START "Transfer-Encoding: gzip, chunked\r\n\r\n" },
		{ 400, START "Transfer-Encoding: \x0b"
			     "chunked\r\n\r\n" },
		{ 400, START "Origin: http://a\r\nOrigin: http://b\r\n\r\n" },
		{ 400, START "Authorization: a\r\nAuthorization: b\r\n\r\n" },
		{ 400, START "Upgrade: h2c\r\nUpgrade: websocket\r\n\r\n" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int got = verdict_of(bad[i].text);

		if (got != -bad[i].status)
			jobq_unit_fail(
			    __FILE__, __LINE__, "%d for %s", got, bad[i].text);
	}
}

JOBQ_TEST(serve_head_a_nul_is_no_part_of_a_head)
{
	check_int(verdict("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 28), -400);
	check_int(verdict("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29), -400);
	check_int(verdict("GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n", 29), -400);
}

static int
with_line_of(size_t bytes)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	int got;

	jobq_buf_puts(&text, "GET /");
	while (text.len < bytes - strlen(" HTTP/1.1"))
		jobq_buf_putc(&text, 'a');
	jobq_buf_puts(&text, " HTTP/1.1\r\nHost: a\r\n\r\n");
	got = verdict(text.data, text.len);
	jobq_buf_release(&text);
	return got;
}

/* The header lines, each with its end, have so many bytes in all. */
static int
with_headers_of(size_t bytes)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	size_t first = strlen("GET / HTTP/1.1\r\n");
	int got;

	jobq_buf_puts(&text, START "X: ");
	while (text.len < first + bytes - 2)
		jobq_buf_putc(&text, 'a');
	jobq_buf_puts(&text, "\r\n\r\n");
	got = verdict(text.data, text.len);
	jobq_buf_release(&text);
	return got;
}

static int
with_headers(size_t count)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	int got;

	jobq_buf_puts(&text, START);
	for (size_t i = 1; i < count; i++)
		jobq_buf_puts(&text, "X: a\r\n");
	jobq_buf_puts(&text, "\r\n");
	got = verdict(text.data, text.len);
	jobq_buf_release(&text);
	return got;
}

JOBQ_TEST(serve_head_limits_hold_to_the_byte)
{
	check(with_line_of(JOBQ_HEAD_LINE_MAX - 1) > 0);
	check(with_line_of(JOBQ_HEAD_LINE_MAX) > 0);
	check_int(with_line_of(JOBQ_HEAD_LINE_MAX + 1), -414);
	check(with_headers_of(JOBQ_HEAD_MAX - 1) > 0);
	check(with_headers_of(JOBQ_HEAD_MAX) > 0);
	check_int(with_headers_of(JOBQ_HEAD_MAX + 1), -431);
	check(with_headers(JOBQ_HEAD_LINES_MAX - 1) > 0);
	check(with_headers(JOBQ_HEAD_LINES_MAX) > 0);
	check_int(with_headers(JOBQ_HEAD_LINES_MAX + 1), -431);
}
