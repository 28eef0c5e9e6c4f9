/*
 * hello PORT-FILE: the least that libwebsockets can serve, the bound of what
 * is built on it: one answer to every request, until it is killed.
 */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t len)
{
	static const char text[] = "{\"status\":\"healthy\"}\n";
	unsigned char out[LWS_PRE + 1024];
	unsigned char *at = out + LWS_PRE, *end = out + sizeof(out);
	size_t text_len = sizeof(text) - 1;

	(void)user, (void)in, (void)len;
	if (reason != LWS_CALLBACK_HTTP)
		return 0;
	if (lws_add_http_common_headers(
		wsi, 200, "application/json", text_len, &at, end) != 0 ||
	    lws_finalize_http_header(wsi, &at, end) != 0)
		return 1;
	/* Head and body are one write, as they are of what is compared. */
	memcpy(at, text, text_len);
	at += text_len;
	if (lws_write(wsi, out + LWS_PRE, (size_t)(at - out) - LWS_PRE,
		LWS_WRITE_HTTP_FINAL) < 0 ||
	    lws_http_transaction_completed(wsi))
		return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct lws_protocols protocols[] = {
		{ "http", on_event, 0, 0, 0, NULL, 0 },
		{ NULL, NULL, 0, 0, 0, NULL, 0 },
	};
	struct lws_context_creation_info info = {
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.iface = "127.0.0.1",
		.protocols = protocols,
		.vhost_name = "hello",
		.keepalive_timeout = 60,
	};
	struct lws_context *context;
	struct lws_vhost *vhost;
	FILE *file;

	lws_set_log_level(LLL_ERR, NULL);
	context = lws_create_context(&info);
	vhost = context == NULL ? NULL : lws_create_vhost(context, &info);
	file = argc == 2 ? fopen(argv[1], "w") : NULL;
	if (vhost == NULL || file == NULL)
		return 2;
	fprintf(file, "%d\n", lws_get_vhost_listen_port(vhost));
	fclose(file);
	while (lws_service(context, 0) >= 0)
		;
	return 0;
}
