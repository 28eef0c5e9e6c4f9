# The answers of POST /execute (jobq-serve --tool). In comes what happened, out
# goes [status, body]. Values that are only moved, .event.output, .event.base64
# and .body, are strings that stand for them here.

def refused($type; $loc; $msg):
	[422, {detail: [{type: $type, loc: $loc, msg: $msg, input: .body}]}];

def failed($status):
	[$status, {error: (.error // .reason // .event), exit}];

if .answer == "ending" then
	.event
	| if .event == "completed" then
		[200, if has("base64") then {output: .base64, encoding: "base64"}
			else {output} end]
	elif .reason == "timeout" then failed(504)
	elif .event == "released" or .event == "snoozed" then failed(503)
	else failed(500) end
elif .answer == "died" then failed(500)
elif .answer == "full" then failed(429)
elif .answer == "away" then failed(503)
elif .answer == "no body" then refused("missing"; ["body"]; "Field required")
elif .answer == "no input" then
	refused("missing"; ["body", "input"]; "Field required")
elif .answer == "no object" then
	refused("model_attributes_type"; ["body"];
		"Input should be a valid dictionary or object to extract fields from")
else
	(.error | capture("byte (?<at>[0-9]+)").at | tonumber - 1) as $at
	| [422, {detail: [{type: "json_invalid", loc: ["body", $at],
		msg: "JSON decode error", input: {}, ctx: {error}}]}]
end
