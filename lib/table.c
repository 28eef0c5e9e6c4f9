#include "table.h"

#include "clock.h"
#include "mem.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "banned.h"

#define GAP 2 /* spaces between columns */

static const char *const shades[] = {
	[JOBQ_SHADE_NONE] = "",
	[JOBQ_SHADE_GOOD] = "\033[32m",
	[JOBQ_SHADE_BUSY] = "\033[36m",
	[JOBQ_SHADE_BAD] = "\033[31m",
	[JOBQ_SHADE_DIM] = "\033[2m",
	[JOBQ_SHADE_TITLE] = "\033[1m",
};

size_t
jobq_screen_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	int64_t number;

	if (columns != NULL &&
	    jobq_int_parse(columns, 1, 10000, &number, NULL) == 0)
		return (size_t)number;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0)
		return size.ws_col > 0 ? size.ws_col : 80;
	return 0;
}

/* Characters of escaped text, each taken as one place wide. */
static size_t
count_characters(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

/* The bytes of the first count characters. */
static size_t
bytes_of(const char *text, size_t len, size_t count)
{
	size_t i = 0;
	int good;

	while (i < len && count-- > 0)
		i += jobq_utf8_step(text + i, len - i, &good);
	return i;
}

void
jobq_table_init(struct jobq_table *table, const struct jobq_column *column,
    size_t columns, size_t screen, bool colour)
{
	*table = (struct jobq_table){
		.column = column,
		.columns = columns,
		.screen = screen,
		.colour = colour,
		.width = jobq_xcalloc(columns, sizeof *table->width),
	};
	for (size_t i = 0; i < columns; i++)
		table->width[i] = strlen(column[i].title);
}

void
jobq_table_release(struct jobq_table *table)
{
	free(table->width);
	free(table->cell);
	jobq_buf_release(&table->text);
	*table = (struct jobq_table){ .column = NULL };
}

void
jobq_table_cell(struct jobq_table *table, const char *text, size_t len,
    enum jobq_shade shade)
{
	size_t begin = table->text.len;
	size_t column = table->count % table->columns;
	struct jobq_cell *cell;

	table->cell = jobq_grow(
	    table->cell, table->count, &table->cap, sizeof *table->cell);
	cell = &table->cell[table->count++];
	jobq_buf_escape(&table->text, text, len);
	*cell = (struct jobq_cell){
		.begin = begin,
		.len = table->text.len - begin,
		.shade = shade,
	};
	if (cell->len > 0)
		cell->width =
		    count_characters(table->text.data + begin, cell->len);
	if (cell->width > table->width[column])
		table->width[column] = cell->width;
}

void
jobq_table_text(
    struct jobq_table *table, const char *text, enum jobq_shade shade)
{
	jobq_table_cell(table, text, strlen(text), shade);
}

/* The column that has most to give, or columns when none has anything. */
static size_t
widest(const struct jobq_table *table)
{
	size_t found = table->columns;

	for (size_t i = 0; i < table->columns; i++) {
		size_t least = table->column[i].least;

		if (least == 0 || table->width[i] <= least)
			continue;
		if (found == table->columns ||
		    table->width[i] >= table->width[found])
			found = i;
	}
	return found;
}

/* Makes columns narrower, the widest first, until a row fits. */
static void
fit(struct jobq_table *table)
{
	size_t total = 0;

	for (size_t i = 0; i < table->columns; i++)
		total += table->width[i] + (i > 0 ? GAP : 0);
	while (table->screen > 0 && total > table->screen) {
		size_t i = widest(table);

		if (i == table->columns)
			return;
		table->width[i]--;
		total--;
	}
}

void
jobq_shade_put(struct jobq_buf *out, bool colour, enum jobq_shade shade,
    const char *text, size_t len)
{
	bool shaded = colour && shade != JOBQ_SHADE_NONE && len > 0;

	if (shaded)
		jobq_buf_puts(out, shades[shade]);
	jobq_buf_escape(out, text, len);
	if (shaded)
		jobq_buf_puts(out, "\033[0m");
}

/* Adds a cell's text, cut to its column, and the spaces around it. */
static void
put_cell(const struct jobq_table *table, size_t i, const char *text, size_t len,
    size_t width, enum jobq_shade shade, struct jobq_buf *out)
{
	const struct jobq_column *column = &table->column[i];
	size_t room = table->width[i];
	bool last = i + 1 == table->columns;
	int spaces = width < room ? (int)(room - width) : 0;

	if (i > 0)
		jobq_buf_printf(out, "%*s", GAP, "");
	if (width > room && column->keep_end) {
		size_t cut = bytes_of(text, len, width - room);

		text += cut;
		len -= cut;
	}
	if (column->right)
		jobq_buf_printf(out, "%*s", spaces, "");
	if (width > room && !column->keep_end && room > GAP) {
		jobq_shade_put(out, table->colour, shade, text,
		    bytes_of(text, len, room - 2));
		jobq_buf_puts(out, "..");
	} else {
		jobq_shade_put(out, table->colour, shade, text, len);
	}
	if (!column->right && !last)
		jobq_buf_printf(out, "%*s", spaces, "");
}

static void
put_titles(struct jobq_table *table, struct jobq_buf *out)
{
	for (size_t i = 0; i < table->columns; i++) {
		const char *title = table->column[i].title;
		size_t len = strlen(title);

		put_cell(table, i, title, len, len, JOBQ_SHADE_TITLE, out);
	}
	jobq_buf_putc(out, '\n');
	table->titled = true;
}

void
jobq_table_put(struct jobq_table *table, struct jobq_buf *out)
{
	fit(table);
	if (!table->titled && table->count > 0)
		put_titles(table, out);
	for (size_t i = 0; i < table->count; i++) {
		const struct jobq_cell *cell = &table->cell[i];
		size_t column = i % table->columns;
		const char *text =
		    cell->len == 0 ? "" : table->text.data + cell->begin;

		put_cell(table, column, text, cell->len, cell->width,
		    cell->shade, out);
		if (column + 1 < table->columns)
			continue;
		while (out->data[out->len - 1] == ' ')
			out->len--;
		jobq_buf_putc(out, '\n');
	}
	table->count = 0;
	jobq_buf_clear(&table->text);
}
