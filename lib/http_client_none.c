/* The HTTP client of a build without the headers of libcurl: there is none. */
#if !__has_include(<curl/curl.h>)

#include "http_client.h"

#include "banned.h"

static enum jobq_status
refuse(struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_UNSUPPORTED,
	    "unable to speak HTTP: this jobq was built without curl.h; "
	    "install libcurl4-openssl-dev and build it again");
}

enum jobq_status
jobq_http_open(struct jobq_http **http, struct jobq_loop *loop,
    size_t connections, struct jobq_err *err)
{
	(void)http;
	(void)loop;
	(void)connections;
	return refuse(err);
}

void
jobq_http_close(struct jobq_http *http)
{
	(void)http;
}

enum jobq_status
jobq_http_check_url(const char *url, struct jobq_err *err)
{
	(void)url;
	return refuse(err);
}

enum jobq_status
jobq_http_post(struct jobq_http *http, const struct jobq_http_request *request,
    struct jobq_http_exchange **exchange, struct jobq_err *err)
{
	(void)http;
	(void)request;
	(void)exchange;
	return refuse(err);
}

void
jobq_http_drop(struct jobq_http_exchange *exchange)
{
	(void)exchange;
}

#endif
