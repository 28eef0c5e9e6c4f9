/*
 * libcurl's multi interface tells which descriptors it wants watched and when
 * it wants to be called next; here that becomes watches and one timer of the
 * loop. Each time one of them comes up libcurl is told, and then asked which
 * transfers are over. Names are resolved by a thread of libcurl's own.
 *
 * An exchange is an easy handle with what belongs to it. They are kept for
 * the next request and reset before it: else a handle would count the kept
 * connections that it found closed over all its requests, and the sixth
 * would fail.
 */
#if __has_include(<curl/curl.h>) /* else: http_client_none.c */

#include "http_client.h"

#include "clock.h"
#include "http_text.h"
#include "library.h"
#include "mem.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define CONNECT_MS 10000L

/* The functions of libcurl that are used here. */
static struct {
	CURLcode (*global_init)(long);
	const char *(*easy_strerror)(CURLcode);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
	void (*easy_reset)(CURL *);
	void (*easy_cleanup)(CURL *);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_setopt)(CURLM *, CURLMoption, ...);
	CURLMcode (*multi_assign)(CURLM *, curl_socket_t, void *);
	CURLMcode (*multi_add_handle)(CURLM *, CURL *);
	CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
	CURLMcode (*multi_socket_action)(CURLM *, curl_socket_t, int, int *);
	CURLMsg *(*multi_info_read)(CURLM *, int *);
	CURLMcode (*multi_cleanup)(CURLM *);
	const char *(*multi_strerror)(CURLMcode);
	CURLU *(*url)(void);
	CURLUcode (*url_set)(CURLU *, CURLUPart, const char *, unsigned);
	CURLUcode (*url_get)(CURLU *, CURLUPart, char **, unsigned);
	const char *(*url_strerror)(CURLUcode);
	void (*url_cleanup)(CURLU *);
	void (*free)(void *);
} curl;

static const struct jobq_symbol symbols[] = {
	{ "curl_global_init", &curl.global_init },
	{ "curl_easy_strerror", &curl.easy_strerror },
	{ "curl_easy_init", &curl.easy_init },
	{ "curl_easy_setopt", &curl.easy_setopt },
	{ "curl_easy_getinfo", &curl.easy_getinfo },
	{ "curl_easy_reset", &curl.easy_reset },
	{ "curl_easy_cleanup", &curl.easy_cleanup },
	{ "curl_multi_init", &curl.multi_init },
	{ "curl_multi_setopt", &curl.multi_setopt },
	{ "curl_multi_assign", &curl.multi_assign },
	{ "curl_multi_add_handle", &curl.multi_add_handle },
	{ "curl_multi_remove_handle", &curl.multi_remove_handle },
	{ "curl_multi_socket_action", &curl.multi_socket_action },
	{ "curl_multi_info_read", &curl.multi_info_read },
	{ "curl_multi_cleanup", &curl.multi_cleanup },
	{ "curl_multi_strerror", &curl.multi_strerror },
	{ "curl_url", &curl.url },
	{ "curl_url_set", &curl.url_set },
	{ "curl_url_get", &curl.url_get },
	{ "curl_url_strerror", &curl.url_strerror },
	{ "curl_url_cleanup", &curl.url_cleanup },
	{ "curl_free", &curl.free },
	{ NULL, NULL },
};

struct socket {
	struct socket *prev, *next;
	struct jobq_http *http;
	struct jobq_watch watch;
};

struct jobq_http {
	struct jobq_loop *loop;
	CURLM *multi;
	struct jobq_timer timer;
	struct socket *sockets;
	struct jobq_http_exchange *spare;
};

struct jobq_http_exchange {
	struct jobq_http_exchange *next; /* that is spare */
	struct jobq_http *http;
	struct jobq_http_request request;
	CURL *easy;
	struct curl_slist *header; /* nodes that point into the request's */
	size_t header_cap;
	struct jobq_buf answer_headers; /* see http_text.h */
	char words[CURL_ERROR_SIZE];
};

/* --- the loop ------------------------------------------------------------ */

static void
put_aside(struct jobq_http_exchange *exchange)
{
	struct jobq_http *http = exchange->http;

	curl.multi_remove_handle(http->multi, exchange->easy);
	exchange->next = http->spare;
	http->spare = exchange;
}

static void
end_exchange(struct jobq_http_exchange *exchange, CURLcode result)
{
	struct jobq_http_request request = exchange->request;
	struct jobq_http_answer answer = { .status = JOBQ_OK };
	struct jobq_buf headers = exchange->answer_headers;
	long code = 0;

	curl.easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &code);
	answer.code = (int)code;
	answer.headers = &headers;
	if (result != CURLE_OK)
		answer.status = jobq_fail(&answer.err, JOBQ_AGAIN, "%s",
		    exchange->words[0] != '\0' ? exchange->words
					       : curl.easy_strerror(result));
	/* The next exchange may begin in the call. */
	exchange->answer_headers = (struct jobq_buf)JOBQ_BUF_INIT;
	put_aside(exchange);
	request.done(request.context, &answer);
	jobq_buf_release(&headers);
}

static void
end_exchanges(struct jobq_http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl.multi_info_read(http->multi, &left)) != NULL) {
		CURLcode result = message->data.result;
		char *exchange = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl.easy_getinfo(
		    message->easy_handle, CURLINFO_PRIVATE, &exchange);
		end_exchange(
		    (struct jobq_http_exchange *)(void *)exchange, result);
	}
}

static void
act(struct jobq_http *http, curl_socket_t fd, int what)
{
	int running;

	curl.multi_socket_action(http->multi, fd, what, &running);
	end_exchanges(http);
}

static void
timer_due(void *context)
{
	act(context, CURL_SOCKET_TIMEOUT, 0);
}

static int
timer_wanted(CURLM *multi, long timeout_ms, void *context)
{
	struct jobq_http *http = context;

	(void)multi;
	if (timeout_ms < 0)
		jobq_timer_stop(http->loop, &http->timer);
	else
		jobq_timer_set(
		    http->loop, &http->timer, jobq_mono_ms() + timeout_ms);
	return 0;
}

static void
socket_ready(void *context, unsigned what)
{
	struct socket *socket = context;
	int how = 0;

	if (what & JOBQ_READ)
		how |= CURL_CSELECT_IN;
	if (what & JOBQ_WRITE)
		how |= CURL_CSELECT_OUT;
	if (how == 0)
		how = CURL_CSELECT_ERR;
	act(socket->http, socket->watch.fd, how);
}

static void
forget_socket(struct socket *socket)
{
	struct jobq_http *http = socket->http;

	jobq_watch_remove(http->loop, &socket->watch);
	if (socket->prev != NULL)
		socket->prev->next = socket->next;
	else
		http->sockets = socket->next;
	if (socket->next != NULL)
		socket->next->prev = socket->prev;
	free(socket);
}

static int
socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *own)
{
	struct jobq_http *http = context;
	struct socket *socket = own;
	unsigned want = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (socket != NULL)
			forget_socket(socket);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		want |= JOBQ_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		want |= JOBQ_WRITE;
	if (socket != NULL) {
		jobq_watch_want(http->loop, &socket->watch, want);
		return 0;
	}
	socket = jobq_xcalloc(1, sizeof(*socket));
	socket->http = http;
	socket->next = http->sockets;
	if (socket->next != NULL)
		socket->next->prev = socket;
	http->sockets = socket;
	jobq_watch_add(
	    http->loop, &socket->watch, fd, want, socket_ready, socket);
	curl.multi_assign(http->multi, fd, socket);
	return 0;
}

/* --- a client ------------------------------------------------------------ */

static enum jobq_status
load(struct jobq_err *err)
{
	static bool loaded;
	enum jobq_status status;

	if (loaded)
		return JOBQ_OK;
	status = jobq_library_load("libcurl.so.4", "libcurl4", symbols, err);
	if (status != JOBQ_OK)
		return status;
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return jobq_fail(
		    err, JOBQ_CONFIG, "unable to make libcurl ready");
	loaded = true;
	return JOBQ_OK;
}

enum jobq_status
jobq_http_open(struct jobq_http **out, struct jobq_loop *loop,
    size_t connections, struct jobq_err *err)
{
	enum jobq_status status = load(err);
	struct jobq_http *http;
	CURLM *multi;

	if (status != JOBQ_OK)
		return status;
	multi = curl.multi_init();
	if (multi == NULL)
		jobq_mem_exhausted("an HTTP client");
	http = jobq_xcalloc(1, sizeof(*http));
	http->loop = loop;
	http->multi = multi;
	http->timer.due = timer_due;
	http->timer.context = http;
	curl.multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl.multi_setopt(multi, CURLMOPT_SOCKETDATA, http);
	curl.multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl.multi_setopt(multi, CURLMOPT_TIMERDATA, http);
	curl.multi_setopt(
	    multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections);
	curl.multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
	*out = http;
	return JOBQ_OK;
}

void
jobq_http_close(struct jobq_http *http)
{
	struct jobq_http_exchange *exchange;

	if (http == NULL)
		return;
	while ((exchange = http->spare) != NULL) {
		http->spare = exchange->next;
		curl.easy_cleanup(exchange->easy);
		jobq_buf_release(&exchange->answer_headers);
		free(exchange->header);
		free(exchange);
	}
	curl.multi_cleanup(http->multi);
	while (http->sockets != NULL)
		forget_socket(http->sockets);
	jobq_timer_stop(http->loop, &http->timer);
	free(http);
}

/* --- URLs ---------------------------------------------------------------- */

enum jobq_status
jobq_http_check_url(const char *url, struct jobq_err *err)
{
	CURLU *parts = curl.url();
	struct jobq_buf shown = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	char *scheme = NULL;
	CURLUcode code;

	if (parts == NULL)
		jobq_mem_exhausted("a URL");
	jobq_http_show_url(url, &shown);
	code =
	    curl.url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	if (code == CURLUE_OK)
		code = curl.url_get(parts, CURLUPART_SCHEME, &scheme, 0);
	if (code != CURLUE_OK)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is no URL such as http://host/path: %s",
		    shown.data != NULL ? shown.data : "",
		    curl.url_strerror(code));
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "'%s' has the scheme '%s'; known are http and https",
		    shown.data, scheme);
	curl.free(scheme);
	curl.url_cleanup(parts);
	jobq_buf_release(&shown);
	return status;
}

/* --- an exchange --------------------------------------------------------- */

static size_t
body_came(char *bytes, size_t size, size_t count, void *context)
{
	struct jobq_http_exchange *exchange = context;

	exchange->request.bytes(exchange->request.context, bytes, size * count);
	return size * count;
}

static size_t
header_came(char *line, size_t size, size_t count, void *context)
{
	struct jobq_http_exchange *exchange = context;
	size_t len = size * count;

	if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
		jobq_buf_clear(&exchange->answer_headers); /* those of a 100 */
	else
		jobq_http_add_header(&exchange->answer_headers, line, len);
	return len;
}

/* Sets what is the same for all requests. */
static enum jobq_status
set_up(struct jobq_http_exchange *exchange, struct jobq_err *err)
{
	static const struct {
		CURLoption option;
		long value;
	} always[] = {
		{ CURLOPT_POST, 1 },
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS },
		{ CURLOPT_TCP_KEEPALIVE, 1 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
		{ CURLOPT_HEADEROPT, CURLHEADER_SEPARATE },
		/* A name that is still being looked up is not waited for. */
		{ CURLOPT_QUICK_EXIT, 1 },
	};
	CURL *easy = exchange->easy;
	const char *roots = getenv("SSL_CERT_FILE");

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		curl.easy_setopt(easy, always[i].option, always[i].value);
	if (roots != NULL && roots[0] != '\0')
		curl.easy_setopt(easy, CURLOPT_CAINFO, roots);
	curl.easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->words);
	curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
	curl.easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_came);
	curl.easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	if (curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") !=
	    CURLE_OK)
		return jobq_fail(err, JOBQ_CONFIG,
		    "libcurl is older than 7.85 or does not speak https");
	return JOBQ_OK;
}

static struct jobq_http_exchange *
take_exchange(struct jobq_http *http)
{
	struct jobq_http_exchange *exchange = http->spare;

	if (exchange != NULL) {
		http->spare = exchange->next;
		curl.easy_reset(exchange->easy);
		return exchange;
	}
	exchange = jobq_xcalloc(1, sizeof(*exchange));
	exchange->http = http;
	exchange->easy = curl.easy_init();
	if (exchange->easy == NULL)
		jobq_mem_exhausted("an HTTP request");
	return exchange;
}

/* Makes libcurl's list of the headers, without copies of them. */
static void
link_headers(struct jobq_http_exchange *exchange)
{
	static char no_wait[] = "Expect:"; /* libcurl's own is left out */
	const struct jobq_buf *headers = exchange->request.headers;
	size_t count = 0;

	for (size_t at = 0; at < headers->len;) {
		exchange->header = jobq_grow(exchange->header, count,
		    &exchange->header_cap, sizeof(exchange->header[0]));
		exchange->header[count++].data = headers->data + at;
		at += strlen(headers->data + at) + 1;
	}
	exchange->header = jobq_grow(exchange->header, count,
	    &exchange->header_cap, sizeof(exchange->header[0]));
	exchange->header[count++].data = no_wait;
	for (size_t i = 0; i < count; i++)
		exchange->header[i].next =
		    i + 1 < count ? &exchange->header[i + 1] : NULL;
}

enum jobq_status
jobq_http_post(struct jobq_http *http, const struct jobq_http_request *request,
    struct jobq_http_exchange **out, struct jobq_err *err)
{
	struct jobq_http_exchange *exchange = take_exchange(http);
	enum jobq_status status = set_up(exchange, err);
	CURLMcode code;

	if (status != JOBQ_OK) {
		put_aside(exchange);
		return status;
	}
	exchange->request = *request;
	exchange->words[0] = '\0';
	jobq_buf_clear(&exchange->answer_headers);
	link_headers(exchange);
	curl.easy_setopt(exchange->easy, CURLOPT_URL, request->url);
	curl.easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->header);
	curl.easy_setopt(exchange->easy, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)request->body_len);
	curl.easy_setopt(exchange->easy, CURLOPT_POSTFIELDS,
	    request->body != NULL ? request->body : "");
	if (request->get)
		curl.easy_setopt(exchange->easy, CURLOPT_HTTPGET, 1L);
	code = curl.multi_add_handle(http->multi, exchange->easy);
	if (code != CURLM_OK) {
		put_aside(exchange);
		return jobq_fail(err, JOBQ_AGAIN,
		    "unable to begin an HTTP request: %s",
		    curl.multi_strerror(code));
	}
	*out = exchange;
	return JOBQ_OK;
}

void
jobq_http_drop(struct jobq_http_exchange *exchange)
{
	put_aside(exchange);
}

#endif
