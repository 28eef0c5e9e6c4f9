#include "serve/target.h"
#include "serve/www.h"

#include "../support/unit.h"

/* What is most likely to leave its place in a text of HTML. */
#define HOSTILE "\"'><script>alert(1)</script>&amp;<img src=x onerror=x>"
#define HOSTILE_JSON "\\\"'><script>alert(1)</script>"

static enum jobq_status
parse(struct jobq_www_query *query, const char *text)
{
	struct jobq_buf target = JOBQ_BUF_INIT, path = JOBQ_BUF_INIT;
	struct jobq_buf texts = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_buf_printf(&target, "/jobs?%s", text);
	jobq_target_read(
	    (struct jobq_span){ target.data, target.len }, &path, &texts);
	check_str(path.data, "/jobs");
	status = jobq_www_query_read(query, &texts, NULL);
	jobq_buf_release(&target);
	jobq_buf_release(&path);
	jobq_buf_release(&texts);
	return status;
}

static void
check_request(const char *query_text, const char *wanted)
{
	struct jobq_www_query query;
	struct jobq_buf out = JOBQ_BUF_INIT;

	check_int(parse(&query, query_text), JOBQ_OK);
	jobq_www_query_request(&query, &out);
	check_str(out.data, wanted);
	jobq_buf_release(&out);
	jobq_www_query_release(&query);
}

JOBQ_TEST(www_queries_become_requests_of_one_page)
{
	check_request("", "{\"by\":\"all\",\"limit\":50}");
	check_request("state=&queue=&after=&id=&name=&view=x&&=&y",
	    "{\"by\":\"all\",\"limit\":50}");
	check_request("state=failed&queue=a%22b+c&after=%2212%22",
	    "{\"by\":\"failed\",\"limit\":50,\"state\":\"failed\","
	    "\"queues\":[\"a\\\"b c\"],\"after\":\"12\"}");
	check_request("state=running&state=pending&name=n%C3%A9",
	    "{\"by\":\"all\",\"limit\":50,\"state\":\"pending\","
	    "\"name\":\"n\xc3\xa9\"}");
	check_request("id=A.b_c%3A1@x-2&state=failed",
	    "{\"by\":\"ids\",\"why\":1,\"limit\":1,\"ids\":[\"A.b_c:1@x-2\"]}");
}

JOBQ_TEST(www_queries_that_no_job_can_match_are_refused)
{
	static const char *const bad[] = { "state=done", "state=Failed",
		"queue=a%0Ab", "queue=%ff", "name=%1b", "name=%7F", "id=-x",
		"id=a/b", "id=%3Cb%3E", "after=12x", "after=1%2C%22by%22%3A1",
		"after={}", "after=%221", "after=null", "after=+1", "id=%25" };
	char longest[8 + 300] = "queue=";
	struct jobq_www_query query;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (parse(&query, bad[i]) != JOBQ_INVALID)
			jobq_unit_fail(__FILE__, __LINE__, "%s", bad[i]);
		jobq_www_query_release(&query);
	}
	memset(longest + 6, 'x', 255);
	check_int(parse(&query, longest), JOBQ_OK);
	jobq_www_query_release(&query);
	memset(longest + 6, 'x', 256);
	check_int(parse(&query, longest), JOBQ_INVALID);
	jobq_www_query_release(&query);
}

JOBQ_TEST(www_links_carry_the_filter_and_are_read_back_the_same)
{
	struct jobq_www_query query, again;
	struct jobq_buf out = JOBQ_BUF_INIT;

	check_int(parse(&query, "queue=%22%3E%3Cb&name=a%26b"), JOBQ_OK);
	jobq_www_query_link(&query, "failed", "\"1,2\"", &out);
	check_str(out.data, "jobs?state=failed&amp;queue=%22%3E%3Cb&amp;"
			    "name=a%26b&amp;after=%221%2C2%22");
	check_int(parse(&again, "queue=%22%3E%3Cb&after=%221%2C2%22"), JOBQ_OK);
	check_str(again.queue, "\"><b");
	check_str(again.after, "\"1,2\"");
	jobq_www_query_release(&query);
	jobq_www_query_release(&again);
	jobq_buf_release(&out);
}

JOBQ_TEST(www_text_cannot_leave_its_place)
{
	struct jobq_buf out = JOBQ_BUF_INIT;

	jobq_www_escape(&out, "<a href=\"x\" b='&'>\n\x1b\0", 21);
	check_str(out.data, "&lt;a href=&quot;x&quot; b=&#39;&amp;&#39;&gt;"
			    "\\x0a\\x1b\\x00");
	jobq_buf_clear(&out);
	jobq_www_escape(&out,
	    "a\xe2\x80\xae"
	    "b\xff",
	    6);
	check_str(out.data, "a\\u202eb\\xff");
	jobq_buf_clear(&out);
	jobq_www_message(HOSTILE, HOSTILE, &out);
	check(strstr(out.data, "<script") == NULL);
	check(strstr(out.data, "<img") == NULL);
	check_has(out.data, "&quot;&#39;&gt;&lt;script&gt;alert(1)");
	jobq_buf_release(&out);
}

JOBQ_TEST(www_frames_hold_what_is_given_at_their_mark)
{
	struct jobq_buf main = JOBQ_BUF_INIT;
	struct jobq_buf out = JOBQ_BUF_INIT;

	jobq_buf_puts(&main, "<!-- main -->x");
	jobq_www_frame("<a><!-- main --></a>", 20, &main, &out);
	check_str(out.data, "<a><!-- main -->x</a>");
	jobq_buf_clear(&out);
	jobq_www_frame("<a></a>", 7, &main, &out);
	check_str(out.data, "<a></a>");
	jobq_buf_release(&main);
	jobq_buf_release(&out);
}

static void
take_stats(struct jobq_stats *stats, const char *line)
{
	struct jobq_object members = { NULL, 0, 0 };

	check_int(jobq_object_scan(&members, line, strlen(line), NULL), 0);
	jobq_stats_take(stats, &members);
	jobq_object_release(&members);
}

JOBQ_TEST(www_overviews_show_each_queue_and_totals_of_all)
{
	struct jobq_stats stats = { NULL, 0, 0 };
	struct jobq_buf out = JOBQ_BUF_INIT;

	jobq_www_overview(&stats, 0, &out);
	check_has(out.data, "no queues yet");
	jobq_buf_clear(&out);
	take_stats(&stats, "{\"queue\":\"mail\",\"ready\":9007199254740993,"
			   "\"failed\":2,\"oldest_ready\":125.5,"
			   "\"claimed_at\":\"1970-01-01T00:00:30.000Z\"}");
	take_stats(&stats, "{\"queue\":\"<b>&'\\\"\",\"failed\":3,"
			   "\"paused_at\":\"1970-01-01T00:00:30.000Z\"}");
	jobq_www_overview(&stats, 20000, &out);
	check_has(out.data, "<b>9007199254740993</b> <span>ready</span>");
	check_has(out.data, "<b>5</b> <span>failed</span>");
	check_has(out.data, "<a href=\"jobs?queue=mail\"><bdi>mail</bdi></a>");
	check_has(out.data, "class=\"num failed\">2</td>");
	check_has(out.data, "class=\"num\">2 min</td>");
	/* A clock that is behind makes no negative age. */
	check_has(out.data, "class=\"num\">0 s ago</td>");
	check_has(out.data, "<tr class=\"paused\">");
	check_has(out.data, "paused since 1970-01-01T00:00:30Z");
	check_has(out.data, "jobs?queue=%3Cb%3E%26%27%22\"");
	check_has(out.data, "<bdi>&lt;b&gt;&amp;&#39;&quot;</bdi>");
	jobq_stats_release(&stats);
	jobq_buf_release(&out);
}

static void
put_row(const char *line, int64_t now_ms, struct jobq_buf *out)
{
	struct jobq_object members = { NULL, 0, 0 };

	check_int(jobq_object_scan(&members, line, strlen(line), NULL), 0);
	jobq_www_list_row(&members, now_ms, out);
	jobq_object_release(&members);
}

JOBQ_TEST(www_lists_have_tabs_with_counts_and_a_row_for_each_job)
{
	struct jobq_stats stats = { NULL, 0, 0 };
	struct jobq_www_query query;
	struct jobq_buf out = JOBQ_BUF_INIT;

	take_stats(&stats, "{\"queue\":\"q\",\"scheduled\":2,\"ready\":3}");
	take_stats(&stats, "{\"queue\":\"r\",\"ready\":4,\"failed\":1}");
	check_int(parse(&query, "state=pending&queue=q&after=1"), JOBQ_OK);
	jobq_www_list_begin(&query, &stats, &out);
	check_has(out.data, "<a href=\"jobs?state=pending&amp;queue=q\" "
			    "aria-current=\"page\">pending <b>5</b></a>");
	check_has(out.data, "<a href=\"jobs?queue=q\">all <b>5</b></a>");
	check_has(out.data, "failed <b>0</b>");
	check_has(out.data, "name=\"state\" value=\"pending\"");
	check_has(out.data, "name=\"queue\" value=\"q\"");
	put_row("{\"id\":\"0123456789abcdefg\",\"name\":\"" HOSTILE_JSON
		"\",\"queue\":\"q\",\"state\":\"pending\",\"attempt\":1,"
		"\"max_attempts\":5,\"run_at\":\"1970-01-01T00:00:00.000Z\","
		"\"pushed_at\":\"1970-01-01T00:00:10.000Z\",\"ended\":{"
		"\"at\":\"x\",\"reason\":\"exit\",\"error\":\"" HOSTILE_JSON
		"\"}}",
	    5000, &out);
	jobq_www_list_end(&query, 1, "\"7\"", &out);
	check_has(out.data, "<a href=\"jobs?id=0123456789abcdefg\" title=\""
			    "0123456789abcdefg\">…56789abcdefg</a>");
	check_has(out.data, "<span class=\"chip pending\">pending</span>");
	check_has(out.data, "class=\"num\">1/5</td>");
	check_has(out.data, "class=\"num\">0 s</td>");
	check_has(out.data, "<bdi>exit: &quot;&#39;&gt;&lt;script&gt;");
	check(strstr(out.data, "<script") == NULL);
	check_has(out.data, "<a href=\"jobs?state=pending&amp;queue=q\">"
			    "First page</a>");
	check_has(out.data, "<a rel=\"next\" href=\"jobs?state=pending&amp;"
			    "queue=q&amp;after=%227%22\">Next page</a>");
	jobq_www_query_release(&query);
	jobq_stats_release(&stats);
	jobq_buf_release(&out);
}

JOBQ_TEST(www_lists_of_nothing_say_so)
{
	struct jobq_www_query query;
	struct jobq_buf out = JOBQ_BUF_INIT;

	check_int(parse(&query, "id=gone"), JOBQ_OK);
	jobq_www_list_begin(&query, NULL, &out);
	check_has(out.data, "aria-current=\"page\">all</a>");
	jobq_www_list_end(&query, 0, NULL, &out);
	check_has(out.data, "There is no job with this id.");
	check(strstr(out.data, "rel=\"next\"") == NULL);
	jobq_www_query_release(&query);
	jobq_buf_release(&out);
}
