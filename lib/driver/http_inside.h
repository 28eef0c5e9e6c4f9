/*
 * Shared by the files of the driver: the store, one exchange with a server,
 * the listener. What maps a foreign API is in http_api.h.
 */
#ifndef JOBQ_HTTP_INSIDE_H
#define JOBQ_HTTP_INSIDE_H

#include "bell.h"
#include "buf.h"
#include "driver.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_remote_api;

/* Where the server is, and who we are there. Texts are the settings' own. */
struct jobq_remote_settings {
	char *base; /* the URL less credentials, parameters and its last '/' */
	char *socket; /* of a server on this machine; NULL: none */
	char *user, *password;
	char *token;
	bool loopback;	    /* no proxy stands between */
	bool listens;	    /* to the bell */
	int64_t connect_ms; /* the most that connecting may take */
};

/* The listener; http_listen.c tells what it does. */
struct jobq_remote_ear {
	struct jobq_bell bell;
	CURLM *multi; /* NULL: nothing is on its way */
	CURL *easy;
	struct curl_slist *headers;
	bool event_stream; /* that is the answer's type */
	bool up;
	bool deaf; /* there is no such thing on this server */
};

struct jobq_remote {
	const struct jobq_adapter *adapter;
	enum jobq_store_mode mode;
	struct jobq_remote_settings settings;
	struct jobq_buf name; /* of the server, for people */
	bool made;	      /* init was answered, where it is to be asked */
	CURL *easy;
	struct jobq_remote_ear ear;
	struct jobq_remote_api *api; /* of a foreign API; NULL: a jobq-serve */
};

struct jobq_remote_request {
	const char *method;
	const char *path; /* behind the base; begins with '/' */
	const char *body; /* JSON; NULL: none */
	size_t len;
	/* Further headers, "Name: value"; NULL: none. */
	const struct curl_slist *headers;
	size_t most_bytes; /* of the answer's body */
	bool cuts;	   /* what is longer is cut, not refused */
	/*
	 * On a connection of its own: one that was kept may have been closed,
	 * and libcurl then sends the request again without telling.
	 */
	bool once;
	int64_t deadline;
};

struct jobq_remote_answer {
	long code;
	struct jobq_buf body;
	struct jobq_buf type; /* Content-Type in lower case */
	bool framed;	      /* its length was told, or it came in chunks */
	bool sent; /* of a failed one: the server may have taken it */
	size_t most_bytes;
	bool cuts, too_long;
};

/* --- http_open.c: the driver's open and close (driver.h) --- */
enum jobq_status jobq_remote_open(struct jobq_url *url,
    const struct jobq_adapter *adapter, enum jobq_store_mode mode,
    void **handle, struct jobq_err *err);
void jobq_remote_close(void *handle);

/* --- http_wire.c --- */
/*
 * One exchange. JOBQ_OK: an answer came whole, whatever its code; JOBQ_AGAIN:
 * none did, or not all of it; JOBQ_IO: it is longer than it may be. The answer
 * is the caller's to release in any case.
 */
enum jobq_status jobq_remote_ask(struct jobq_remote *store,
    const struct jobq_remote_request *request,
    struct jobq_remote_answer *answer, struct jobq_err *err);
void jobq_remote_answer_release(struct jobq_remote_answer *answer);

/* Sets what every request to this server has: where it is, who we are. */
enum jobq_status jobq_remote_set_up(struct jobq_remote *store, CURL *easy,
    const char *path, struct jobq_err *err);

/* Adds a header; memory that is out ends the process, as everywhere. */
void jobq_remote_add_header(struct curl_slist **list, const char *text);

/* --- http_listen.c --- */
void jobq_remote_ear_init(struct jobq_remote_ear *ear);
void jobq_remote_ear_release(struct jobq_remote_ear *ear);

/* The descriptor of the bell, and the first connection to it; -1: none. */
int jobq_remote_ear_fd(struct jobq_remote *store);

/* Does what the descriptor is readable for. */
void jobq_remote_ear_turn(struct jobq_remote *store);

#endif
