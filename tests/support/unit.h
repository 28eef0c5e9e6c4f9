/*
 * Unit tests in plain C. A test file holds JOBQ_TEST(name) { ... } blocks and
 * no main(); linked with unit.c it runs each of them in a forked process of
 * its own, in an empty directory that is removed afterwards, killed after
 * 30 s, and prints TAP. The name is an identifier that reads as a sentence.
 * With arguments only the tests whose names contain one of them are run.
 *
 * The first check that fails ends its test and prints where it stands.
 */
#ifndef JOBQ_UNIT_H
#define JOBQ_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct jobq_unit {
	const char *name;
	void (*run)(void);
	struct jobq_unit *next;
};

void jobq_unit_add(struct jobq_unit *unit);

#define JOBQ_TEST(title)                                                \
	static void title(void);                                        \
	__attribute__((constructor)) static void add_##title(void)      \
	{                                                               \
		static struct jobq_unit unit = { #title, title, NULL }; \
		jobq_unit_add(&unit);                                   \
	}                                                               \
	static void title(void)

/* Ends the running test as failed, with a message. */
_Noreturn void jobq_unit_fail(const char *file, int line, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

void jobq_unit_int(const char *file, int line, const char *what, intmax_t got,
    intmax_t wanted);

/* Compares bytes with a string; at may be NULL only when wanted is. */
void jobq_unit_text(const char *file, int line, const char *what,
    const char *at, size_t len, const char *wanted);

/* Waits for a child: its exit code, or minus the signal that ended it. */
int jobq_unit_wait(int pid);

#define check(condition)       \
	((condition) ? (void)0 \
		     : jobq_unit_fail(__FILE__, __LINE__, "%s", #condition))

#define check_int(got, wanted) \
	jobq_unit_int(         \
	    __FILE__, __LINE__, #got, (intmax_t)(got), (intmax_t)(wanted))

/* Strings; NULL equals only NULL. */
#define check_str(got, wanted)                                          \
	do {                                                            \
		const char *unit_got = (got);                           \
		jobq_unit_text(__FILE__, __LINE__, #got, unit_got,      \
		    unit_got != NULL ? strlen(unit_got) : 0, (wanted)); \
	} while (0)

/* A pointer and a length, such as those of a span or a buf. */
#define check_text(at, len, wanted) \
	jobq_unit_text(__FILE__, __LINE__, #at, (at), (len), (wanted))

/* That a text holds a word. */
#define check_has(got, word)           \
	(strstr((got), (word)) != NULL \
		? (void)0              \
		: jobq_unit_fail(      \
		      __FILE__, __LINE__, "no '%s' in '%s'", (word), (got)))

#endif
