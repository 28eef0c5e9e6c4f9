/*
 * storecall [-r|-w] [-d MS] URL [VERB]: calls a store as a command does,
 * for tests. With a VERB stdin is one request; without, each line of stdin is
 * a verb, a space and a request, all over one connection. Prints the lines of
 * the answers, and for an answer that is not OK a line on stderr that begins
 * with the status, such as "unsupported: ...". Exits with the code of the
 * last such answer. -r, -w: the store must exist (opened to read, to write).
 */
#include "buf.h"
#include "clock.h"
#include "line.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define REQUEST_MAX ((size_t)8 << 20)

static enum jobq_status
print(void *context, const char *line, size_t len, struct jobq_err *err)
{
	(void)context;
	if (fwrite(line, 1, len, stdout) != len || putchar('\n') == EOF)
		return jobq_fail(err, JOBQ_IO, "stdout is closed");
	return JOBQ_OK;
}

static int
verb_by_name(const char *name, size_t len)
{
	for (int i = 0; i < JOBQ_VERBS; i++) {
		const char *known = jobq_verb_name((enum jobq_verb)i);

		if (strlen(known) == len && memcmp(known, name, len) == 0)
			return i;
	}
	return -1;
}

static int
complain(enum jobq_status status, const struct jobq_err *err)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", jobq_status_name(status), err->text);
	return jobq_status_exit(status);
}

static int
call(struct jobq_store *store, const char *name, size_t len,
    const struct jobq_buf *request, int64_t deadline_ms)
{
	struct jobq_err err = { "" };
	int verb = verb_by_name(name, len);
	enum jobq_status status;

	if (verb < 0)
		status = jobq_fail(
		    &err, JOBQ_CONFIG, "'%.*s' is no verb", (int)len, name);
	else
		status = jobq_store_call(store, (enum jobq_verb)verb, request,
		    deadline_ms, print, NULL, &err);
	return status == JOBQ_OK ? 0 : complain(status, &err);
}

static int
call_one(struct jobq_store *store, const char *verb, int64_t deadline_ms)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	ssize_t got;
	int code;

	do {
		jobq_buf_reserve(&request, 65536);
		got = read(STDIN_FILENO, request.data + request.len, 65536);
		if (got > 0)
			request.len += (size_t)got;
	} while (got > 0);
	request.data[request.len] = '\0';
	code = call(store, verb, strlen(verb), &request, deadline_ms);
	jobq_buf_release(&request);
	return code;
}

static int
call_lines(struct jobq_store *store, int64_t deadline_ms)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_reader reader;
	struct jobq_span line;
	struct jobq_err err = { "" };
	enum jobq_status status;
	int code = 0;

	jobq_reader_init(&reader, STDIN_FILENO, REQUEST_MAX);
	for (;;) {
		status = jobq_reader_get(&reader, &line, &err);
		if (status != JOBQ_OK)
			break;
		const char *space = memchr(line.at, ' ', line.len);
		size_t len =
		    space == NULL ? line.len : (size_t)(space - line.at);
		int answer;

		jobq_buf_clear(&request);
		if (len < line.len)
			jobq_buf_add(
			    &request, line.at + len + 1, line.len - len - 1);
		else
			jobq_buf_puts(&request, "{}");
		answer = call(store, line.at, len, &request, deadline_ms);
		if (answer != 0)
			code = answer;
	}
	if (status != JOBQ_EMPTY)
		code = complain(status, &err);
	jobq_reader_release(&reader);
	jobq_buf_release(&request);
	return code;
}

int
main(int argc, char **argv)
{
	enum jobq_store_mode mode = JOBQ_STORE_CREATE;
	struct jobq_store *store;
	struct jobq_err err = { "" };
	enum jobq_status status;
	int64_t deadline_ms = 10000;
	int option, code;

	while ((option = getopt(argc, argv, "rwd:")) != -1) {
		if (option == 'r')
			mode = JOBQ_STORE_READ;
		else if (option == 'w')
			mode = JOBQ_STORE_WRITE;
		else if (option != 'd' || jobq_int_parse(optarg, 1, 600000,
					      &deadline_ms, &err) != 0)
			return 2;
	}
	if (optind >= argc)
		return 2;
	status = jobq_store_open(argv[optind], mode, &store, &err);
	if (status != JOBQ_OK)
		return complain(status, &err);
	code = optind + 1 < argc
		   ? call_one(store, argv[optind + 1], deadline_ms)
		   : call_lines(store, deadline_ms);
	jobq_store_close(store);
	if (fflush(stdout) != 0 || ferror(stdout))
		return 75;
	return code;
}
