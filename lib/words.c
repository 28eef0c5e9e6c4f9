#include "words.h"

#include "mem.h"

#include <stdlib.h>

#include "banned.h"

void
jobq_words_add(struct jobq_words *words, const char *word)
{
	words->item = jobq_grow(
	    words->item, words->count, &words->cap, sizeof(words->item[0]));
	words->item[words->count++] = jobq_xstrdup(word);
	words->item = jobq_grow(
	    words->item, words->count, &words->cap, sizeof(words->item[0]));
	words->item[words->count] = NULL;
}

void
jobq_words_release(struct jobq_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->item[i]);
	free(words->item);
	*words = (struct jobq_words){ NULL, 0, 0 };
}
