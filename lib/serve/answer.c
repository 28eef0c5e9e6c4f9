#include "answer.h"

#include "json.h"

#include <string.h>

#include "banned.h"

/* Told to every browser: nothing is sniffed, framed, or loaded elsewhere. */
#define ALWAYS                                                             \
	"X-Content-Type-Options: nosniff\r\n"                              \
	"Referrer-Policy: no-referrer\r\n"                                 \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; " \
	"style-src 'self'; connect-src 'self'; img-src 'self' data:; "     \
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n"

const char *
jobq_answer_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} known[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].status == status)
			return known[i].reason;
	return "Unknown";
}

int
jobq_answer_status(enum jobq_status status)
{
	switch (status) {
	case JOBQ_OK:
		return 200;
	case JOBQ_EMPTY:
		return 404;
	case JOBQ_STALE:
		return 409;
	/* A full disk among others: later it may be another answer. */
	case JOBQ_AGAIN:
	case JOBQ_IO:
		return 503;
	case JOBQ_INVALID:
		return 400;
	case JOBQ_UNSUPPORTED:
		return 501;
	case JOBQ_CONFIG:
		break;
	}
	return 500;
}

void
jobq_answer_head(struct jobq_buf *out, int status, const char *type,
    long long length_bytes, bool keeps, const char *more)
{
	jobq_buf_reserve(out, 640);
	jobq_buf_puts(out, "HTTP/1.1 ");
	jobq_buf_int(out, status);
	jobq_buf_putc(out, ' ');
	jobq_buf_puts(out, jobq_answer_reason(status));
	if (type != NULL) {
		jobq_buf_puts(out, "\r\nContent-Type: ");
		jobq_buf_puts(out, type);
	}
	if (length_bytes >= 0) {
		jobq_buf_puts(out, "\r\nContent-Length: ");
		jobq_buf_int(out, length_bytes);
	}
	jobq_buf_puts(out, keeps ? "\r\n" : "\r\nConnection: close\r\n");
	jobq_buf_puts(out, ALWAYS);
	if (more != NULL)
		jobq_buf_puts(out, more);
	jobq_buf_puts(out, "\r\n");
}

void
jobq_answer_problem_body(struct jobq_buf *out, int status, const char *code,
    const char *detail, size_t len)
{
	jobq_buf_puts(out, "{\"type\":\"about:blank\",\"title\":\"");
	jobq_buf_puts(out, jobq_answer_reason(status));
	jobq_buf_printf(out, "\",\"status\":%d", status);
	if (code != NULL)
		jobq_buf_printf(out, ",\"code\":\"%s\"", code);
	jobq_buf_puts(out, ",\"detail\":");
	jobq_json_put_lossy(out, detail, len);
	jobq_buf_puts(out, "}\n");
}

void
jobq_answer_problem(struct jobq_buf *out, int status, const char *code,
    const char *detail, size_t len)
{
	struct jobq_buf body = JOBQ_BUF_INIT;

	jobq_answer_problem_body(&body, status, code, detail, len);
	jobq_answer_head(out, status, "application/problem+json",
	    (long long)body.len, false, NULL);
	jobq_buf_add(out, body.data, body.len);
	jobq_buf_release(&body);
}
