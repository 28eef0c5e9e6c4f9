#include "serve/guard.h"
#include "../support/unit.h"

#include <sys/stat.h>
#include <stdio.h>
#include <string.h>

static const char *allowed[] = { "jobs.example.org", "proxy.example:8443" };
static const struct jobq_list list = { .item = allowed, .count = 2, .cap = 2 };

static struct jobq_span
span(const char *text)
{
	return (struct jobq_span){ text, text == NULL ? 0 : strlen(text) };
}

static struct jobq_guard
guard_with(const char *token)
{
	struct jobq_guard guard = { .allowed_hosts = &list };
	struct jobq_err err = { "" };
	FILE *file;

	if (token == NULL)
		return guard;
	file = fopen("token", "w");
	check(file != NULL && fprintf(file, "%s\n", token) > 0 &&
	      fclose(file) == 0 && chmod("token", 0600) == 0);
	check_int(jobq_guard_read_token(&guard, "token", &err), JOBQ_OK);
	return guard;
}

static int
ask(const struct jobq_guard *guard, const struct jobq_guarded *request)
{
	const char *why = NULL;
	int status = jobq_guard_check(guard, request, &why);

	check(status == 0 || why != NULL);
	return status;
}

/* S1: a name that somebody else's name server answers for. */
JOBQ_TEST(serve_guard_a_host_must_be_known)
{
	static const struct {
		const char *host;
		int status;
	} hosts[] = {
		{ "localhost", 0 },
		{ "localhost:8000", 0 },
		{ "LocalHost:8000", 0 },
		{ "localhost.", 0 },
		{ "localhost.:8000", 0 },
		{ "127.0.0.1:8000", 0 },
		{ "192.168.1.7", 0 },
		{ "[::1]:8000", 0 },
		{ "jobs.example.org", 0 },
		{ "JOBS.example.org:443", 0 },
		{ "proxy.example:8443", 0 },
		{ NULL, 421 },
		{ "", 421 },
		{ "proxy.example", 421 },
		{ "proxy.example:8444", 421 },
		{ "localhost.evil", 421 },
		{ "localhost.evil:8000", 421 },
		{ "evil.localhost", 421 },
		{ "127.0.0.1.nip.io", 421 },
		{ "2130706433", 421 },
		{ "0x7f.1", 421 },
		{ "localhost:8000@evil", 421 },
		{ "localhost:", 421 },
		{ "localhost:999999", 421 },
		{ "localhost,evil", 421 },
		{ "localhost evil", 421 },
		{ "[::1", 421 },
		{ "[::1]evil", 421 },
		{ "[evil]", 421 },
		{ ".", 421 },
	};
	struct jobq_guard guard = guard_with(NULL);

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct jobq_guarded request = { .host = span(hosts[i].host) };
		int got = ask(&guard, &request);

		if (got != hosts[i].status)
			jobq_unit_fail(__FILE__, __LINE__, "%d for '%s'", got,
			    hosts[i].host);
		request.is_unix = true;
		check_int(ask(&guard, &request), 0);
		request.is_unix = false;
		request.reach = JOBQ_REACH_HEALTH;
		check_int(ask(&guard, &request), 0);
	}
}

/* S2: a page of another site opens a WebSocket to this machine. */
JOBQ_TEST(serve_guard_a_websocket_comes_from_this_page_or_from_none)
{
	static const struct {
		const char *origin;
		int status;
	} origins[] = {
		{ NULL, 0 },
		{ "http://localhost:8000", 0 },
		{ "https://localhost:8000", 0 },
		{ "https://jobs.example.org", 0 },
		{ "http://proxy.example:8443", 0 },
		{ "http://localhost", 403 },
		{ "http://localhost:8001", 403 },
		{ "http://evil.example", 403 },
		{ "http://localhost:8000.evil.example", 403 },
		{ "http://evil.example/localhost:8000", 403 },
		{ "file://", 403 },
		{ "ws://localhost:8000", 403 },
		{ "null", 403 },
		{ "", 403 },
	};
	struct jobq_guard open = guard_with(NULL);
	struct jobq_guard closed = guard_with("0123456789abcdef");

	for (size_t i = 0; i < sizeof(origins) / sizeof(*origins); i++) {
		struct jobq_guarded request = {
			.websocket = true,
			.host = span("localhost:8000"),
			.origin = span(origins[i].origin),
		};
		int wanted = origins[i].status;

		check_int(ask(&open, &request), wanted);
		check_int(ask(&closed, &request), wanted == 0 ? 401 : wanted);
		request.authorization = span("Bearer 0123456789abcdef");
		check_int(ask(&closed, &request), wanted);
	}
}

/* S3: another site's page sends a request that changes something. */
JOBQ_TEST(serve_guard_a_change_comes_from_this_page_or_from_none)
{
	static const bool changes[] = { false, false, true, true, true };
	static const struct {
		const char *site, *origin;
		int status; /* of what changes */
	} sets[] = {
		{ NULL, NULL, 0 },
		{ "same-origin", "http://localhost:8000", 0 },
		{ "none", NULL, 0 },
		{ "cross-site", "http://evil.example", 403 },
		{ "same-site", "http://localhost:9", 403 },
		{ "cross-site", NULL, 403 },
		{ NULL, "http://evil.example", 403 },
		{ NULL, "null", 403 },
		{ NULL, "http://localhost:8000", 0 },
		{ "cross-site", "https://jobs.example.org", 0 },
	};
	struct jobq_guard guard = guard_with(NULL);

	/* GET, HEAD, POST, DELETE, PUT */
	for (size_t m = 0; m < sizeof(changes) / sizeof(*changes); m++)
		for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
			struct jobq_guarded request = {
				.changes = changes[m],
				.host = span("localhost:8000"),
				.origin = span(sets[i].origin),
				.fetch_site = span(sets[i].site),
			};

			check_int(ask(&guard, &request),
			    changes[m] ? sets[i].status : 0);
		}
}

/* S5: whatever is wrong with a token, the same is done and said. */
JOBQ_TEST(serve_guard_a_token_is_right_or_wrong_and_nothing_else)
{
	static const char *const wrong[] = { NULL, "", "Bearer", "Bearer ",
		"Bearer 0", "Bearer 0123456789abcde", "Bearer 0123456789abcdeg",
		"Bearer 0123456789abcdef0", "Bearer  0123456789abcdef",
		"Basic 0123456789abcdef", "0123456789abcdef" };
	struct jobq_guard guard = guard_with("0123456789abcdef");
	struct jobq_guarded request = { .host = span("localhost") };
	const char *why = NULL, *first = NULL;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		request.authorization = span(wrong[i]);
		check_int(jobq_guard_check(&guard, &request, &why), 401);
		first = first == NULL ? why : first;
		check(why == first);
	}
	request.open = true;
	check_int(ask(&guard, &request), 0);
	request.open = false;
	request.is_unix = true;
	check_int(ask(&guard, &request), 401);
	request.authorization = span("bearer 0123456789abcdef");
	check_int(ask(&guard, &request), 0);
	check(jobq_guard_same(guard.token, "0123456789abcdef", 16));
	for (size_t len = 0; len < 16; len++)
		check(!jobq_guard_same(guard.token, "0123456789abcdef", len));
}

JOBQ_TEST(serve_guard_a_token_file_is_its_owners_alone)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *word; /* what is said, NULL: it is good */
	} files[] = {
		{ "0123456789abcdef\n", 0600, NULL },
		{ "0123456789abcdef", 0400, NULL },
		{ "0123456789abcdef\nsecond\n", 0600, NULL },
		{ "0123456789abcdef\n", 0644, "chmod" },
		{ "0123456789abcdef\n", 0640, "chmod" },
		{ "0123456789abcde\n", 0600, "16" },
		{ "\n0123456789abcdef\n", 0600, "16" },
		{ "", 0600, "16" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct jobq_guard guard = { 0 };
		struct jobq_err err = { "" };
		FILE *file;

		remove("token");
		file = fopen("token", "w");
		check(file != NULL && fputs(files[i].text, file) >= 0 &&
		      fclose(file) == 0 && chmod("token", files[i].mode) == 0);
		if (files[i].word == NULL) {
			check_int(jobq_guard_read_token(&guard, "token", &err),
			    JOBQ_OK);
			check(guard.has_token);
			continue;
		}
		check_int(
		    jobq_guard_read_token(&guard, "token", &err), JOBQ_CONFIG);
		check_has(err.text, files[i].word);
		check(!guard.has_token);
		check(strstr(err.text, "0123") == NULL);
	}
}
