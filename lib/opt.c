/*
 * Parsing against tables of options. Operands are moved down as they come,
 * so that argv ends as argv[0], the operands in their order, NULL.
 *
 * A mistyped name is compared with all known ones by the number of letters
 * that must be inserted, left out, replaced or swapped with a neighbour (the
 * optimal string alignment distance); a beginning of a name is near, too.
 */
#include "opt.h"

#include "clock.h"
#include "mem.h"

#include <string.h>

#include "banned.h"

#define NAME_MAX_LEN 40 /* longer words are no misspelt options */

static const struct jobq_opt *
find_name(const struct jobq_opt *const *tables, const char *name, size_t len)
{
	for (; *tables; tables++)
		for (const struct jobq_opt *o = *tables; o->name; o++)
			if (!strncmp(o->name, name, len) && !o->name[len])
				return o;
	return NULL;
}

static const struct jobq_opt *
find_letter(const struct jobq_opt *const *tables, char letter)
{
	for (; *tables; tables++)
		for (const struct jobq_opt *o = *tables; o->name; o++)
			if (o->letter == letter)
				return o;
	return NULL;
}

static bool
takes_value(const struct jobq_opt *opt)
{
	return opt->type != JOBQ_OPT_FLAG && opt->type != JOBQ_OPT_COUNT;
}

static size_t
least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Both names have at most NAME_MAX_LEN letters. */
static size_t
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[3][NAME_MAX_LEN + 1];
	size_t *before = row[0], *above = row[1], *here = row[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		here[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t d = above[j - 1] + (a[i - 1] != b[j - 1]);
			d = least_of(d, least_of(above[j], here[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d = least_of(d, before[j - 2] + 1);
			here[j] = d;
		}
		size_t *free_row = before;
		before = above;
		above = here;
		here = free_row;
	}
	return above[b_len];
}

const char *
jobq_opt_nearest(const struct jobq_opt *const *tables, const char *name)
{
	const char *best = NULL;
	size_t len = strlen(name);
	size_t best_distance = (len + 2) / 3 + 1; /* farther is no help */

	if (!len || len > NAME_MAX_LEN)
		return NULL;
	for (; *tables; tables++) {
		for (const struct jobq_opt *o = *tables; o->name; o++) {
			size_t o_len = strlen(o->name);
			if (!o->help || o_len > NAME_MAX_LEN)
				continue;
			size_t d = distance(name, len, o->name, o_len);
			if (len >= 2 && !strncmp(o->name, name, len))
				d = 1;
			if (d < best_distance && d < o_len) {
				best_distance = d;
				best = o->name;
			}
		}
	}
	return best;
}

static bool
is_choice(const char *choices, const char *word)
{
	size_t len = strlen(word);

	while (*choices) {
		size_t n = strcspn(choices, " ");
		if (n == len && !strncmp(choices, word, len))
			return true;
		choices += n;
		choices += strspn(choices, " ");
	}
	return false;
}

static void
add_to_list(struct jobq_list *list, const char *value)
{
	list->item =
	    jobq_grow(list->item, list->count, &list->cap, sizeof(*list->item));
	list->item[list->count++] = value;
}

static enum jobq_status
set_duration(
    const struct jobq_opt *opt, const char *value, struct jobq_err *err)
{
	int none_allowed = opt->type == JOBQ_OPT_NO_DURATION;
	int64_t ms;
	enum jobq_status status =
	    jobq_duration_parse(value, none_allowed, &ms, err);

	if (status)
		return status;
	if (ms < opt->least && !(none_allowed && ms == -1))
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is too short, the least is %lldms", value,
		    (long long)opt->least);
	*(int64_t *)opt->to = ms;
	return JOBQ_OK;
}

static enum jobq_status
set_int(const struct jobq_opt *opt, const char *value, struct jobq_err *err)
{
	bool bounded = opt->least || opt->most;

	return jobq_int_parse(value, bounded ? opt->least : INT64_MIN,
	    bounded ? opt->most : INT64_MAX, opt->to, err);
}

static enum jobq_status
set_choice(const struct jobq_opt *opt, const char *value, struct jobq_err *err)
{
	if (!is_choice(opt->choices, value))
		return jobq_fail(err, JOBQ_CONFIG, "'%s' is none of: %s", value,
		    opt->choices);
	*(const char **)opt->to = value;
	return JOBQ_OK;
}

/* value is NULL exactly when the option takes none. */
static enum jobq_status
set(const struct jobq_opt *opt, const char *value, struct jobq_err *err)
{
	switch (opt->type) {
	case JOBQ_OPT_FLAG:
		*(bool *)opt->to = true;
		return JOBQ_OK;
	case JOBQ_OPT_COUNT:
		++*(int *)opt->to;
		return JOBQ_OK;
	case JOBQ_OPT_STRING:
		*(const char **)opt->to = value;
		return JOBQ_OK;
	case JOBQ_OPT_LIST:
		add_to_list(opt->to, value);
		return JOBQ_OK;
	case JOBQ_OPT_INT:
		return set_int(opt, value, err);
	case JOBQ_OPT_DURATION:
	case JOBQ_OPT_NO_DURATION:
		return set_duration(opt, value, err);
	case JOBQ_OPT_SIZE:
		return jobq_size_parse(value, opt->to, err);
	case JOBQ_OPT_CHOICE:
		return set_choice(opt, value, err);
	case JOBQ_OPT_TIME:
		return jobq_time_parse(value, opt->to, err);
	}
	JOBQ_BUG("an option of no known type");
}

/* Sets an option and names it when its value is bad. */
static enum jobq_status
set_named(const struct jobq_opt *opt, const char *value, struct jobq_err *err)
{
	enum jobq_status status = set(opt, value, err);

	if (!status)
		return status;
	jobq_err_prefix(err, "--%s", opt->name);
	return JOBQ_CONFIG;
}

static enum jobq_status
unknown(const struct jobq_opt *const *tables, const char *name, size_t len,
    struct jobq_err *err)
{
	char word[NAME_MAX_LEN + 1] = "";
	const char *near = NULL;

	if (len <= NAME_MAX_LEN) {
		memcpy(word, name, len);
		near = jobq_opt_nearest(tables, word);
	}
	if (near)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unknown option '--%s' (did you mean '--%s'?)", word, near);
	return jobq_fail(
	    err, JOBQ_CONFIG, "unknown option '--%.*s'", (int)len, name);
}

/* word stands behind "--"; *next is the argument that may be its value. */
static enum jobq_status
parse_name(const struct jobq_opt *const *tables, const char *word, char ***next,
    struct jobq_err *err)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	const struct jobq_opt *opt = find_name(tables, word, len);

	if (!opt)
		return unknown(tables, word, len, err);
	if (!takes_value(opt)) {
		if (value)
			return jobq_fail(err, JOBQ_CONFIG,
			    "option '--%s' takes no value", opt->name);
		return set_named(opt, NULL, err);
	}
	if (!value && **next)
		value = *(*next)++;
	if (!value)
		return jobq_fail(err, JOBQ_CONFIG,
		    "option '--%s' needs a value: %s", opt->name,
		    opt->arg ? opt->arg : opt->choices);
	return set_named(opt, value, err);
}

/* letters stand behind "-"; the first that takes a value takes the rest. */
static enum jobq_status
parse_letters(const struct jobq_opt *const *tables, const char *letters,
    char ***next, struct jobq_err *err)
{
	for (; *letters; letters++) {
		const struct jobq_opt *opt = find_letter(tables, *letters);
		const char *value = NULL;
		bool ends = false;

		if (!opt)
			return jobq_fail(
			    err, JOBQ_CONFIG, "unknown option '-%c'", *letters);
		if (takes_value(opt)) {
			ends = true;
			if (letters[1])
				value = letters + 1;
			else if (**next)
				value = *(*next)++;
			else
				return jobq_fail(err, JOBQ_CONFIG,
				    "option '-%c' needs a value: %s", *letters,
				    opt->arg ? opt->arg : opt->choices);
		}
		enum jobq_status status = set_named(opt, value, err);
		if (status || ends)
			return status;
	}
	return JOBQ_OK;
}

enum jobq_status
jobq_opt_parse(const struct jobq_opt *const *tables, bool stop_at_operand,
    int argc, char **argv, int *count, int *after_dashes, struct jobq_err *err)
{
	char **next = argv + (argc > 0);
	char **keep = next;
	char **first = next;
	char **dashes = NULL;
	bool ended = false;

	while (*next) {
		char *word = *next++;
		enum jobq_status status = JOBQ_OK;

		if (ended || word[0] != '-' || !word[1]) {
			*keep++ = word;
			ended = ended || stop_at_operand;
		} else if (!strcmp(word, "--")) {
			dashes = keep;
			ended = true;
		} else if (word[1] == '-') {
			status = parse_name(tables, word + 2, &next, err);
		} else {
			status = parse_letters(tables, word + 1, &next, err);
		}
		if (status)
			return status;
	}
	*keep = NULL;
	*count = (int)(keep - first);
	*after_dashes = dashes ? (int)(keep - dashes) : 0;
	return JOBQ_OK;
}
