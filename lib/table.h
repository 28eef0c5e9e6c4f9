/*
 * Tables for people: rows of cells under titles, as wide as the screen. What
 * cells hold is escaped (jobq_buf_escape), so that no text of a job can steer
 * a terminal. Rows are laid out page by page, and the columns keep the widths
 * they have once had.
 */
#ifndef JOBQ_TABLE_H
#define JOBQ_TABLE_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

enum jobq_shade {
	JOBQ_SHADE_NONE,
	JOBQ_SHADE_GOOD,
	JOBQ_SHADE_BUSY,
	JOBQ_SHADE_BAD,
	JOBQ_SHADE_DIM,
	JOBQ_SHADE_TITLE,
};

struct jobq_column {
	const char *title;
	size_t least;  /* how narrow it may be made; 0: it stays as it is */
	bool right;    /* numbers stand on the right */
	bool keep_end; /* when cut, the end stays: ids */
};

struct jobq_cell {
	size_t begin; /* in text */
	size_t len;   /* bytes */
	size_t width; /* characters */
	enum jobq_shade shade;
};

struct jobq_table {
	const struct jobq_column *column;
	size_t columns;
	size_t screen; /* characters of a line; 0: any number */
	bool colour;
	bool titled; /* the titles are out */
	size_t *width;
	struct jobq_cell *cell; /* row by row */
	size_t count;
	size_t cap;
	struct jobq_buf text;
};

/* The width of the screen behind fd, or of COLUMNS; 0 when it has none. */
size_t jobq_screen_width(int fd);

void jobq_table_init(struct jobq_table *table, const struct jobq_column *column,
    size_t columns, size_t screen, bool colour);
void jobq_table_release(struct jobq_table *table);

/* The next cell of a row; when it was the last of one, a new row begins. */
void jobq_table_cell(struct jobq_table *table, const char *text, size_t len,
    enum jobq_shade shade);
void jobq_table_text(
    struct jobq_table *table, const char *text, enum jobq_shade shade);

/* Adds the rows so far to out, the titles before the first, and forgets them.
 */
void jobq_table_put(struct jobq_table *table, struct jobq_buf *out);

/* Adds escaped text, coloured where colour is wanted. */
void jobq_shade_put(struct jobq_buf *out, bool colour, enum jobq_shade shade,
    const char *text, size_t len);

#endif
