# A job of the Workers API as a line of jobq. Every value, here and in the
# result, is a string that holds JSON text, and what is null is not there: see
# jobq-adapter(7).
def name: strings | select(startswith("\"") and length > 2 and length < 200);

# An API that does not know how to list by status lists the others, too.
select((.status // "\"pending\"") == "\"pending\"")
| {
	id,
	name: ((.name | name) // (.type | name) // "\"default\""),
	input: (.input // .payload // "null")
}
