# The command of an agent's task, for jobq-run --argv. The job's input is the
# task as it came: {task_id, project, type, command?, params}.
#
#   seed-db       AGENT_CMD seed-db                OPTIONS
#   task-context  AGENT_CMD task-context COMMAND [FILE_PATH] OPTIONS
#   agent         AGENT_CMD agent COMMAND          OPTIONS
#
# AGENT_CMD comes from the environment ("python agent.py") and is split at
# blanks. OPTIONS are the params in the order of the message: main_tab
# becomes --main-tab and its value, true a bare flag, an array one option for
# each element; false and null are left out. The member file_path is no
# option, it stands behind the command. A value that begins with "-" is joined
# to its option by "=", so that it cannot be taken for another option.
#
# Whatever cannot be told in this way is an error, and the task fails for good.

def refuse($why): error("this task has no command line: " + $why);

# A text for people, short and on one line.
def shown: tojson | if length > 60 then .[0:60] + "..." else . end;

def agent_command:
	[$ENV.AGENT_CMD // "" | match("[^ \t\n]+"; "g").string] |
	if . == [] then ["python", "agent.py"] else . end;

# A word that stands by itself: one that begins with "-" would be an option.
def positional($what):
	if type != "string" or . == "" then
		refuse("\($what) is \(shown) and not a text")
	elif startswith("-") then
		refuse("\($what) \(shown) looks like an option")
	else . end;

# jq has numbers as doubles: beyond 2^53 they may not be what was sent.
def number:
	if . >= 9007199254740992 or . <= -9007199254740992 then
		refuse("the number \(shown) is too large to be exact; send it as a text")
	else tostring end;

def flag:
	if test("\\A[A-Za-z][A-Za-z0-9_-]*\\z") then
		"--" + (split("_") | join("-"))
	else refuse("params: \(shown) cannot be the name of an option") end;

def option($name):
	($name | flag) as $flag |
	if . == null or . == false then empty
	elif . == true then $flag
	elif type == "object" or type == "array" then
		refuse("params.\($name) has \(type)s in it")
	else
		(if type == "number" then number else . end) |
		if startswith("-") then "\($flag)=\(.)" else $flag, . end
	end;

def options:
	to_entries[] | select(.key != "file_path") |
	.key as $name | .value |
	if type == "object" then refuse("params.\($name) is an object")
	elif type == "array" then .[] | option($name)
	else option($name) end;

def params:
	if .params == null then {}
	elif .params | type == "object" then .params
	else refuse("params is \(.params | shown) and not an object") end;

def words:
	if .type == "seed-db" then
		if .command == null then .type
		else refuse("seed-db takes no command") end
	elif .type == "task-context" or .type == "agent" then
		.type, (.command | positional("command"))
	else refuse("its type is \(.type | shown) and none of seed-db, " +
		"task-context and agent") end;

.input |
if type != "object" then refuse("the job's input is no object") else . end |
params as $params |
agent_command + [
	words,
	($params.file_path | select(. != null) | positional("params.file_path")),
	($params | options)
]
