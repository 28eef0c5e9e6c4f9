/*
 * One exchange with the server over one easy handle of libcurl, which keeps
 * the connection for the next. The handle is reset before each: else it would
 * count the kept connections that it found closed over all its requests, and
 * the sixth would fail.
 *
 * libcurl itself sends a request again, on a new connection, when the kept
 * one was closed before the first byte of an answer. Where it matters whether
 * a request was taken twice, it goes on a connection of its own.
 */
#include "http_inside.h"

#include "clock.h"
#include "mem.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "banned.h"

void
jobq_remote_answer_release(struct jobq_remote_answer *answer)
{
	jobq_buf_release(&answer->body);
	jobq_buf_release(&answer->type);
}

void
jobq_remote_add_header(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (longer == NULL)
		jobq_mem_exhausted("a header of an HTTP request");
	*list = longer;
}

static size_t
body_came(char *bytes, size_t size, size_t count, void *context)
{
	struct jobq_remote_answer *answer = context;
	size_t len = size * count;

	size_t room = answer->most_bytes - answer->body.len;

	if (len > room && !answer->cuts) {
		answer->too_long = true;
		return 0;
	}
	jobq_buf_add(&answer->body, bytes, len > room ? room : len);
	return len;
}

/* The value behind "name:", or NULL. */
static const char *
value_of(const char *line, size_t len, const char *name, size_t *value_len)
{
	size_t skip = strlen(name);

	if (len <= skip || strncasecmp(line, name, skip) != 0 ||
	    line[skip] != ':')
		return NULL;
	for (skip++; skip < len && isspace((unsigned char)line[skip]); skip++)
		;
	while (len > skip && isspace((unsigned char)line[len - 1]))
		len--;
	*value_len = len - skip;
	return line + skip;
}

static size_t
header_came(char *line, size_t size, size_t count, void *context)
{
	struct jobq_remote_answer *answer = context;
	size_t len = size * count, value_len = 0;
	const char *value;

	if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
		/* Those before were of a 100. */
		answer->framed = false;
		jobq_buf_clear(&answer->type);
	}
	value = value_of(line, len, "Content-Type", &value_len);
	if (value != NULL && value_len < 256) {
		jobq_buf_clear(&answer->type);
		for (size_t i = 0; i < value_len; i++)
			jobq_buf_putc(&answer->type,
			    (char)tolower((unsigned char)value[i]));
	}
	if (value_of(line, len, "Content-Length", &value_len) != NULL ||
	    value_of(line, len, "Transfer-Encoding", &value_len) != NULL)
		answer->framed = true;
	return len;
}

/* As libcurl does it, but close-on-exec from the first moment. */
static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)context;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
	    address->protocol);
}

static enum jobq_status
set_target(struct jobq_remote *store, CURL *easy, const char *path,
    struct jobq_err *err)
{
	const struct jobq_remote_settings *settings = &store->settings;
	struct jobq_buf url = JOBQ_BUF_INIT;
	const char *roots = getenv("SSL_CERT_FILE");
	CURLcode code;

	jobq_buf_printf(&url, "%s%s", settings->base, path);
	code = curl_easy_setopt(easy, CURLOPT_URL, url.data);
	jobq_buf_release(&url);
	if (code != CURLE_OK || curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
				    "http,https") != CURLE_OK)
		return jobq_fail(err, JOBQ_CONFIG,
		    "libcurl is older than 7.85 or does not speak https");
	if (settings->socket != NULL)
		curl_easy_setopt(
		    easy, CURLOPT_UNIX_SOCKET_PATH, settings->socket);
	if (settings->loopback)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	if (roots != NULL && *roots != '\0')
		curl_easy_setopt(easy, CURLOPT_CAINFO, roots);
	return JOBQ_OK;
}

enum jobq_status
jobq_remote_set_up(struct jobq_remote *store, CURL *easy, const char *path,
    struct jobq_err *err)
{
	static const struct {
		CURLoption option;
		long value;
	} always[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_TCP_KEEPALIVE, 1 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
		{ CURLOPT_HEADEROPT, CURLHEADER_SEPARATE },
		{ CURLOPT_QUICK_EXIT, 1 },
	};
	const struct jobq_remote_settings *settings = &store->settings;
	enum jobq_status status = set_target(store, easy, path, err);

	if (status != JOBQ_OK)
		return status;
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		curl_easy_setopt(easy, always[i].option, always[i].value);
	curl_easy_setopt(
	    easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_ms);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "jobq");
	if (settings->user != NULL) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, settings->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD,
		    settings->password == NULL ? "" : settings->password);
	} else if (settings->token != NULL) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, settings->token);
	}
	return JOBQ_OK;
}

static struct curl_slist *
make_headers(const struct jobq_remote_request *request)
{
	struct curl_slist *list = NULL;

	/* libcurl's own wait for a 100 is left out. */
	jobq_remote_add_header(&list, "Expect:");
	jobq_remote_add_header(&list, "Accept: application/json, "
				      "application/x-ndjson");
	if (request->body != NULL)
		jobq_remote_add_header(&list, "Content-Type: application/json");
	for (const struct curl_slist *more = request->headers; more != NULL;
	     more = more->next)
		jobq_remote_add_header(&list, more->data);
	return list;
}

static void
set_request(CURL *easy, const struct jobq_remote_request *request,
    struct jobq_remote_answer *answer, const struct curl_slist *headers,
    char *words)
{
	int64_t left = request->deadline - jobq_mono_ms();

	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_came);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, answer);
	if (request->once)
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	if (request->body != NULL) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)request->len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* TLS writes without MSG_NOSIGNAL; a SIGPIPE of its is nobody's. */
static CURLcode
perform(CURL *easy)
{
	static const struct timespec now = { 0, 0 };
	sigset_t pipe, before, pending;
	CURLcode code;
	bool had;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	had = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	code = curl_easy_perform(easy);
	if (!had)
		sigtimedwait(&pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

static enum jobq_status
say_failed(struct jobq_remote *store, CURLcode code, const char *words,
    const struct jobq_remote_answer *answer, struct jobq_err *err)
{
	if (answer->too_long)
		return jobq_fail(err, JOBQ_IO,
		    "unable to use '%s': its answer is longer than %zu bytes",
		    store->name.data, answer->most_bytes);
	if (code == CURLE_SSL_CACERT_BADFILE)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to use '%s': %s; SSL_CERT_FILE must name a file of "
		    "certificates",
		    store->name.data,
		    *words != '\0' ? words : curl_easy_strerror(code));
	return jobq_fail(err, JOBQ_AGAIN, "unable to reach '%s': %s",
	    store->name.data,
	    *words != '\0' ? words : curl_easy_strerror(code));
}

enum jobq_status
jobq_remote_ask(struct jobq_remote *store,
    const struct jobq_remote_request *request,
    struct jobq_remote_answer *answer, struct jobq_err *err)
{
	char words[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers;
	enum jobq_status status;
	long sent = 0;
	CURLcode code;

	*answer = (struct jobq_remote_answer){
		.most_bytes = request->most_bytes,
		.cuts = request->cuts,
	};
	if (request->deadline <= jobq_mono_ms())
		return jobq_fail(err, JOBQ_AGAIN,
		    "unable to reach '%s': there was no time left",
		    store->name.data);
	curl_easy_reset(store->easy);
	status = jobq_remote_set_up(store, store->easy, request->path, err);
	if (status != JOBQ_OK)
		return status;
	headers = make_headers(request);
	set_request(store->easy, request, answer, headers, words);
	code = perform(store->easy);
	curl_slist_free_all(headers);
	curl_easy_getinfo(store->easy, CURLINFO_RESPONSE_CODE, &answer->code);
	curl_easy_getinfo(store->easy, CURLINFO_REQUEST_SIZE, &sent);
	answer->sent = sent > 0;
	jobq_buf_puts(&answer->type, "");
	jobq_buf_puts(&answer->body, "");
	return code == CURLE_OK ? JOBQ_OK
				: say_failed(store, code, words, answer, err);
}
