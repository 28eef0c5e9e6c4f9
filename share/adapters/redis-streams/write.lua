-- Entries for the stream KEYS[1], on whatever node has it: a count, and so many
-- words, again and again.
local at = 1

while at <= #ARGV do
	local count = tonumber(ARGV[at])
	redis.call('XADD', KEYS[1], '*', unpack(ARGV, at + 1, at + count))
	at = at + 1 + count
end
return {}
