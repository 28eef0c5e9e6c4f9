-- Whether a text is JSON (RFC 8259, in UTF-8), and where its members stand.
-- Texts are never made into values and back: a number keeps its digits.
local DEPTH = 60

local function is_utf8(text)
	local at = find(text, '[\128-\255]')
	while at do
		local stop = match(text, '^[\194-\223][\128-\191]()', at)
			or match(text, '^[\225-\236\238\239][\128-\191]'
				.. '[\128-\191]()', at)
			or match(text, '^\224[\160-\191][\128-\191]()', at)
			or match(text, '^\237[\128-\159][\128-\191]()', at)
			or match(text, '^\240[\144-\191][\128-\191]'
				.. '[\128-\191]()', at)
			or match(text, '^[\241-\243][\128-\191][\128-\191]'
				.. '[\128-\191]()', at)
			or match(text, '^\244[\128-\143][\128-\191]'
				.. '[\128-\191]()', at)
		at = stop and find(text, '[\128-\255]', stop)
		if not stop then
			return false
		end
	end
	return true
end

-- All below take a place in the text and answer the one behind what begins
-- there, or nil.
local function skip_space(text, at)
	return find(text, '[^ \t\n\r]', at) or #text + 1
end

local function skip_string(text, at)
	at = at + 1
	while true do
		local stop = find(text, '[%z\1-\31"\\]', at)
		local char = stop and byte(text, stop)
		if char == 34 then
			return stop + 1
		elseif char ~= 92 then
			return nil
		end
		at = match(text, '^["\\/bfnrt]()', stop + 1)
			or match(text, '^u%x%x%x%x()', stop + 1)
		if not at then
			return nil
		end
	end
end

local function skip_number(text, at)
	at = match(text, '^%-?0()', at) or match(text, '^%-?[1-9]%d*()', at)
	if not at then
		return nil
	end
	if byte(text, at) == 46 then
		at = match(text, '^%.%d+()', at)
	end
	if at and find(text, '^[eE]', at) then
		at = match(text, '^[eE][+-]?%d+()', at)
	end
	return at
end

-- found is called with each member of an object: its name as it is written,
-- and where its value begins and ends.
local skip_value

local function skip_object(text, at, depth, found)
	at = skip_space(text, at + 1)
	if byte(text, at) == 125 then
		return at + 1
	end
	while true do
		local name = at
		at = byte(text, at) == 34 and skip_string(text, at)
		if not at then
			return nil
		end
		local name_end = at - 1
		at = match(text, '^[ \t\n\r]*:()', at)
		local from = at and skip_space(text, at)
		at = from and skip_value(text, from, depth)
		if not at then
			return nil
		elseif found then
			found(sub(text, name, name_end), from, at - 1)
		end
		at = skip_space(text, at)
		local char = byte(text, at)
		if char == 125 then
			return at + 1
		elseif char ~= 44 then
			return nil
		end
		at = skip_space(text, at + 1)
	end
end

local function skip_array(text, at, depth)
	at = skip_space(text, at + 1)
	if byte(text, at) == 93 then
		return at + 1
	end
	while at do
		at = skip_value(text, at, depth)
		at = at and skip_space(text, at)
		local char = at and byte(text, at)
		if char == 93 then
			return at + 1
		end
		at = char == 44 and skip_space(text, at + 1)
	end
	return nil
end

function skip_value(text, at, depth, found)
	local char = byte(text, at)
	if char == 34 then
		return skip_string(text, at)
	elseif char == 123 or char == 91 then
		if depth >= DEPTH then
			return nil
		elseif char == 123 then
			return skip_object(text, at, depth + 1, found)
		end
		return skip_array(text, at, depth + 1)
	end
	return match(text, '^true()', at) or match(text, '^false()', at)
		or match(text, '^null()', at) or skip_number(text, at)
end

-- Whether the whole text is one value.
local function is_json(text)
	local stop = is_utf8(text) and skip_value(text, skip_space(text, 1), 0)
	return stop and skip_space(text, stop) == #text + 1 or false
end

-- The text that a JSON string stands for; nil for what is none, and for what
-- no name can be (a lone surrogate).
local function unquote(text)
	if byte(text or '') ~= 34 then
		return nil
	elseif not find(text, '\\', 1, true) then
		return sub(text, 2, -2)
	end
	local good, value = pcall(cjson.decode, '[' .. text .. ']')
	return good and value[1] or nil
end

-- The members of a text that is an object, by name, each as its own text; of
-- two of one name it is the last. Nil for all else.
local function members_of(text)
	local members = {}
	local from = skip_space(text, 1)
	if byte(text, from) ~= 123 or not is_utf8(text) then
		return nil
	end
	local stop = skip_value(text, from, 0, function(name, first, last)
		name = unquote(name)
		if name then
			members[name] = sub(text, first, last)
		end
	end)
	return stop and skip_space(text, stop) == #text + 1 and members
end
