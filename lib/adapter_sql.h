/*
 * The texts of an adapter that are SQL, and the lines that come of them: what
 * the drivers of databases have in common.
 *
 * A file holds statements divided by lines of "---". Lines at the top of a
 * statement say which requests it is for: "-- only MEMBER [VALUE]" those with
 * that member (and that string in it), "-- unless MEMBER [VALUE]" the others.
 * A fact, which the driver found out about its store, counts as a member.
 * :'NAME' and :"NAME" in a text stand for a value, quoted as a literal or as
 * an identifier, where NAME is one of the values that the driver gives; any
 * other text of that look is left alone.
 */
#ifndef JOBQ_ADAPTER_SQL_H
#define JOBQ_ADAPTER_SQL_H

#include "adapter.h"
#include "json.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>

struct jobq_sql_statement {
	char *sql;
	struct jobq_sql_condition {
		bool unless; /* the other way round */
		char *member;
		char *value; /* NULL: any */
	} * condition;
	size_t conditions;
	void *prepared; /* the driver's own, which also releases it */
};

/* The statements of one file. */
struct jobq_sql_text {
	char *name;
	struct jobq_sql_statement *statement;
	size_t count;
	bool choosy; /* some statement has a condition */
	bool probe;  /* the first statement that answers ends it */
};

struct jobq_sql_value {
	const char *name;
	const char *value;
};

/* All files that were asked for; begins as zeros, the first three set. */
struct jobq_sql_texts {
	const struct jobq_adapter *adapter;
	const struct jobq_sql_value *value; /* may be NULL when there is none */
	size_t values;
	char **fact; /* of the store; any of them may change */
	size_t facts;
	size_t fact_cap;
	struct jobq_sql_text **item;
	size_t count;
	size_t cap;
};

/*
 * The text VERB.ENDING, read once; it is the texts' own until their release.
 * One without statements when there is no such file.
 */
enum jobq_status jobq_sql_find(struct jobq_sql_texts *texts, const char *verb,
    const char *ending, struct jobq_sql_text **text, struct jobq_err *err);
void jobq_sql_release(struct jobq_sql_texts *texts);

/* Whether a statement is meant for a request with these members. */
bool jobq_sql_wants(const struct jobq_sql_texts *texts,
    const struct jobq_sql_statement *statement,
    const struct jobq_object *members);

/* The facts are now those that the lines name, and no others. */
void jobq_sql_set_facts(
    struct jobq_sql_texts *texts, const struct jobq_buf *lines);

/* Lists the members of a request, if the text looks at them. */
enum jobq_status jobq_sql_members(const struct jobq_sql_text *text,
    const char *request, size_t len, struct jobq_object *members,
    struct jobq_err *err);

/*
 * Hands out lines that were collected, each ended by a newline, and empties
 * the buf.
 */
enum jobq_status jobq_sql_hand_out(struct jobq_buf *lines, jobq_line_fn *line,
    void *context, struct jobq_err *err);

#endif
