# A task as a line of jobq. Every value, here and in the result, is a string
# that holds JSON text: see jobq-adapter(7). "." is the text of the whole.
def name: strings | select(startswith("\"") and length > 2 and length < 200);

{
	id: .task_id,
	name: ((.type | name) // "\"default\""),
	input: .["."]
}
