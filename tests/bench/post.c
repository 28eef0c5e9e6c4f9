/*
 * post PLACES URL FILE: the least that libcurl takes to POST each line of
 * FILE to URL, as the bound that jobq-run --post is measured against. At most
 * PLACES requests are on their way; connections are kept. Sockets are watched
 * by epoll and told to libcurl one by one, which is faster than
 * curl_multi_poll() with curl_multi_perform(). An answer is only counted; one
 * that is not 200 ends the program.
 */
#include <stdio.h>

#if __has_include(<curl/curl.h>)
#include "buf.h"
#include "file.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define FILE_MAX ((size_t)1 << 30)
#define EVENTS 64

static struct jobq_buf text;
static size_t at; /* of the text: what has not been sent */
static int epoll_fd;
static long timeout_ms = -1;
static CURLM *multi;

static void
die(const char *what)
{
	fprintf(stderr, "post: %s\n", what);
	exit(75);
}

static int
timer_wanted(CURLM *of, long wanted_ms, void *context)
{
	(void)of;
	(void)context;
	timeout_ms = wanted_ms;
	return 0;
}

static int
socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *own)
{
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	(void)context;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	/* Any pointer says that epoll knows the socket. */
	epoll_ctl(
	    epoll_fd, own != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
	curl_multi_assign(multi, fd, &text);
	return 0;
}

static size_t
body_came(char *bytes, size_t size, size_t count, void *context)
{
	(void)bytes;
	(void)context;
	return size * count;
}

static CURL *
new_request(const char *url, struct curl_slist *headers)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		die("out of memory");
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
	return easy;
}

/* Sends the next line; false when there is none. */
static bool
send_line(CURL *easy)
{
	const char *line = text.data + at;
	const char *end = memchr(line, '\n', text.len - at);

	if (end == NULL)
		return false;
	at += (size_t)(end - line) + 1;
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)(end - line));
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, line);
	if (curl_multi_add_handle(multi, easy) != CURLM_OK)
		die("unable to begin a request");
	return true;
}

/* Ends the program when a request failed. */
static void
check(const CURLMsg *message)
{
	long code = 0;

	curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &code);
	if (message->data.result != CURLE_OK)
		die(curl_easy_strerror(message->data.result));
	if (code != 200)
		die("an answer was not 200");
}

/* Takes what is over and sends the next lines; how many are open then. */
static long
take_answers(long open)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL) {
		CURL *easy = message->easy_handle;
		check(message);
		curl_multi_remove_handle(multi, easy);
		if (!send_line(easy)) {
			curl_easy_cleanup(easy);
			open--;
		}
	}
	return open;
}

/* One turn of the loop; how many requests are open after it. */
static long
turn(long open)
{
	struct epoll_event event[EVENTS];
	int running;
	int count = epoll_wait(epoll_fd, event, EVENTS, (int)timeout_ms);

	if (count == 0 || timeout_ms == 0) {
		timeout_ms = -1;
		curl_multi_socket_action(
		    multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	for (int i = 0; i < count; i++) {
		int how = 0;

		if (event[i].events & EPOLLIN)
			how |= CURL_CSELECT_IN;
		if (event[i].events & EPOLLOUT)
			how |= CURL_CSELECT_OUT;
		if (event[i].events & (EPOLLERR | EPOLLHUP))
			how |= CURL_CSELECT_ERR;
		curl_multi_socket_action(
		    multi, event[i].data.fd, how, &running);
	}
	return take_answers(open);
}

int
main(int argc, char **argv)
{
	long places = argc == 4 ? strtol(argv[1], NULL, 10) : 0;
	struct curl_slist *headers = NULL;
	long open = 0;

	if (places < 1 ||
	    jobq_file_read(argv[3], FILE_MAX, &text, NULL) != JOBQ_OK) {
		fprintf(stderr, "usage: post PLACES URL FILE\n");
		return 2;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Expect:");
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, places);
	while (open < places && send_line(new_request(argv[2], headers)))
		open++;
	while (open > 0)
		open = turn(open);
	curl_multi_cleanup(multi);
	curl_slist_free_all(headers);
	jobq_buf_release(&text);
	return 0;
}

#else

int
main(void)
{
	fprintf(stderr, "post: was built without libcurl\n");
	return 2;
}

#endif
