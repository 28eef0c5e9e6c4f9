#include "url.h"
#include "../support/unit.h"

static void
check_parts(const char *text, const char *scheme, const char *rest)
{
	struct jobq_url url;
	struct jobq_err err = { "" };

	if (jobq_url_parse(&url, text, &err) != JOBQ_OK)
		jobq_unit_fail(__FILE__, __LINE__, "%s", err.text);
	check_str(url.scheme, scheme);
	check_str(url.rest, rest);
	jobq_url_release(&url);
	check(url.scheme == NULL && url.parameter == NULL);
}

JOBQ_TEST(url_has_a_scheme_and_a_rest_as_it_was_written)
{
	check_parts("sqlite:/var/q.db", "sqlite", "/var/q.db");
	check_parts("sqlite:", "sqlite", "");
	check_parts("sqlite:q%20a.db?x=1", "sqlite", "q%20a.db");
	check_parts("fail:again", "fail", "again");
	check_parts("SQLite:Q.db", "sqlite", "Q.db");
	check_parts("a+b-c.d1:x", "a+b-c.d1", "x");
	check_parts("postgresql://u:p%@h:5432/db?x=1", "postgresql",
	    "//u:p%@h:5432/db");
	check_parts("redis://:p?w^&%@h/0?a=b", "redis", "//:p?w^&%@h/0");
	check_parts(
	    "http://127.0.0.1:80/?worker=a@b", "http", "//127.0.0.1:80/");
}

JOBQ_TEST(url_without_a_scheme_is_refused)
{
	static const char *const texts[] = { "", "q.db", "/var/q.db", "./q.db",
		":x", "1a:x", "a b:x", "-a:x", "a/b:x", "?x=1" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct jobq_url url;
		struct jobq_err err = { "" };

		if (jobq_url_parse(&url, texts[i], &err) != JOBQ_CONFIG)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", texts[i]);
		check_has(err.text, "scheme");
		jobq_url_release(&url);
	}
}

JOBQ_TEST(url_parameters_are_decoded_and_taken)
{
	struct jobq_url url;

	check_int(jobq_url_parse(&url,
		      "x:y?adapter=my%2Dtable&queue=a+b&&flag&e=&%61=%C3%A9"
		      "&t=a=b&adapter=last",
		      NULL),
	    0);
	check_int(url.count, 7);
	check_str(jobq_url_left(&url), "adapter");
	check_str(jobq_url_take(&url, "adapter"), "last");
	check_str(jobq_url_take(&url, "adapter"), "last");
	check_str(jobq_url_left(&url), "queue");
	check_str(jobq_url_take(&url, "queue"), "a+b");
	check_str(jobq_url_take(&url, "flag"), "");
	check_str(jobq_url_take(&url, "e"), "");
	check_str(jobq_url_take(&url, "t"), "a=b");
	check_str(jobq_url_take(&url, "none"), NULL);
	check_str(jobq_url_left(&url), "a");
	check_str(jobq_url_take(&url, "a"), "\xc3\xa9");
	check_str(jobq_url_left(&url), NULL);
	jobq_url_release(&url);
}

JOBQ_TEST(url_secrets_may_hold_a_raw_ampersand)
{
	struct jobq_url url;

	check_int(
	    jobq_url_parse(&url, "x:y?password=a^&b&c=1&q&pass", NULL), 0);
	check_str(jobq_url_take(&url, "password"), "a^&b");
	check_str(jobq_url_take(&url, "c"), "1");
	check_str(jobq_url_take(&url, "q"), "");
	check_str(jobq_url_take(&url, "b"), NULL);
	jobq_url_release(&url);
}

JOBQ_TEST(url_bad_percents_are_refused_without_telling_secrets)
{
	static const char *const texts[] = { "x:y?a=%", "x:y?a=%4", "x:y?a=%4g",
		"x:y?%zz=1", "x:y?a=%00", "x:y?password=s3cr3t-^&%-canary" };
	struct jobq_url url;
	struct jobq_err err;
	struct jobq_buf path = JOBQ_BUF_INIT;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (jobq_url_parse(&url, texts[i], &err) != JOBQ_CONFIG)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", texts[i]);
		check_has(err.text, "%25");
		check(strstr(err.text, "s3cr3t") == NULL);
		check(strstr(err.text, "canary") == NULL);
	}
	check_int(jobq_url_parse(&url, "sqlite:/a%20b%2fc?x=1", NULL), 0);
	check_int(jobq_url_path(&url, &path, NULL), 0);
	check_str(path.data, "/a b/c");
	jobq_url_release(&url);
	check_int(jobq_url_parse(&url, "s://u:s3cr3t%@h/x", NULL), 0);
	check_int(jobq_url_path(&url, &path, &err), JOBQ_CONFIG);
	check_has(err.text, "s://u:***@h/x");
	jobq_url_release(&url);
	jobq_buf_release(&path);
}

static const struct {
	const char *text;
	const char *wanted;
} shown[] = {
	{ "sqlite:/var/q.db", "sqlite:/var/q.db" },
	{ "sqlite:/var/a:b@c.db?queue=x", "sqlite:/var/a:b@c.db?queue=x" },
	{ "postgresql://h:5432/db?sslmode=require",
	    "postgresql://h:5432/db?sslmode=require" },
	{ "postgresql://user@h/db", "postgresql://user@h/db" },
	{ "http://127.0.0.1:8080/?worker=me@host",
	    "http://127.0.0.1:8080/?worker=me@host" },
	{ "postgresql://u:SECRET@h:5432/db", "postgresql://u:***@h:5432/db" },
	{ "postgresql://u:@h/db", "postgresql://u:@h/db" },
	{ "redis://:SECRET@h/0", "redis://:***@h/0" },
	{ "x://u:SECRET^&%@h/d", "x://u:***@h/d" },
	{ "x://u:SE@CRET@h/d", "x://u:***@h/d" },
	{ "x://u:SE:CRET@h/d", "x://u:***@h/d" },
	{ "x://u:SE/CRET@h/d", "x://u:***@h/d" },
	{ "x://u:SE?CRET@h/d?a=1", "x://u:***@h/d?a=1" },
	{ "x://u:SE#CRET@h/d", "x://u:***@h/d" },
	{ "x://u:12/SECRET@h/d", "x://u:***@h/d" },
	{ "x://u:SE?CR=ET@h/d", "x://u:***@h/d" },
	{ "x://u:SE CRET@h/d", "x://u:***@h/d" },
	{ "//u:SECRET@h/d", "//u:***@h/d" },
	{ "u:SECRET@h/d", "u:***@h/d" },
	{ "not a url u:SECRET@h", "not a url u:***@h" },
	{ "x:u:SECRET@h/d", "x:***@h/d" },
	{ "x://h/d?password=SECRET", "x://h/d?password=***" },
	{ "x://h/d?password=SECRET&a=1", "x://h/d?password=***&a=1" },
	{ "x://h/d?a=1&password=SE^&CRET%&b=2",
	    "x://h/d?a=1&password=***&b=2" },
	{ "x://h/d?password=SE&CRET&SECRET", "x://h/d?password=***" },
	{ "x://h/d?PassWord=SECRET#f=1", "x://h/d?PassWord=***#f=1" },
	{ "x://h/d?password=", "x://h/d?password=" },
	{ "x://h/d?sasl.password=SECRET", "x://h/d?sasl.password=***" },
	{ "x://h/d?token=SECRET", "x://h/d?token=***" },
	{ "x://h/d?access_token=SECRET", "x://h/d?access_token=***" },
	{ "x://h/d?client_secret=SECRET", "x://h/d?client_secret=***" },
	{ "x://h/d?key=SECRET", "x://h/d?key=***" },
	{ "x://h/d?apiKey=SECRET", "x://h/d?apiKey=***" },
	{ "x://h/d?tok%65n=SECRET", "x://h/d?tok%65n=***" },
	{ "x://h/d?keyspace=open", "x://h/d?keyspace=open" },
	{ "x://u:SECRET@h/d?password=SECRET", "x://u:***@h/d?password=***" },
	{ "x:host=h password=SECRET dbname=d",
	    "x:host=h password=*** dbname=d" },
	{ "password=SECRET", "password=***" },
	{ "", "" },
	{ ":", ":" },
	{ "@", "@" },
	{ "x:@", "x:@" },
	{ "x://", "x://" },
	{ "%", "%" },
};

JOBQ_TEST(url_is_shown_without_its_secrets_also_when_malformed)
{
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		struct jobq_buf out = JOBQ_BUF_INIT;

		jobq_buf_puts(&out, "");
		jobq_url_redact(shown[i].text, &out);
		check_str(out.data, shown[i].wanted);
		jobq_buf_release(&out);
	}
}
