/*
 * A list of words that grows: a command line, or an environment. It is
 * NULL-terminated once there is a word, and all words are its own.
 */
#ifndef JOBQ_WORDS_H
#define JOBQ_WORDS_H

#include <stddef.h>

struct jobq_words {
	char **item;
	size_t count, cap;
};

/* Adds a copy of the word. */
void jobq_words_add(struct jobq_words *words, const char *word);

void jobq_words_release(struct jobq_words *words);

#endif
