-- A request is the field payload, a JSON object: plugin_run_id and plugin_name,
-- strings, user_id, a whole number in whatever way it is written, and
-- settings, an object; more is allowed. All of it is the input, and the
-- plugin's name is the job's. The note of a job has what a result needs, for
-- the entry may be gone by then: the plugin_run_id as it is written.
local function is_whole(text)
	text = text and (unquote(text) or text)
	return text and (find(text, '^%s*[+-]?%d+%s*$')
		or find(text, '^%s*[+-]?%d+%.0*%s*$')
		or find(text, '^[+-]?%d') and tonumber(text)
			and tonumber(text) % 1 == 0)
end

local function is_string(text)
	return text and byte(text) == 34
end

local function may_be_name(text)
	return text and text ~= '' and #text <= 255
		and not find(text, '[%z\1-\31\127]')
		and not find(text, '\194[\128-\159]')
end

local function read_job(entry, fields)
	local text = value_of(fields, 'payload')
	if not text then
		return nil, 'it has no field payload'
	elseif #text > ENTRY_BYTES then
		return nil, 'its payload is too long'
	end
	local members = members_of(text)
	if not members then
		return nil, 'its payload is no JSON object'
	elseif not is_string(members.plugin_run_id) then
		return nil, 'plugin_run_id must be a string'
	elseif not is_string(members.plugin_name) then
		return nil, 'plugin_name must be a string'
	elseif not is_whole(members.user_id) then
		return nil, 'user_id must be a whole number'
	elseif byte(members.settings or '') ~= 123 then
		return nil, 'settings must be an object'
	end
	local name = unquote(members.plugin_name)
	if not may_be_name(name) then
		return nil, 'Plugin crew not found: '
			.. (name or members.plugin_name),
			{ run = members.plugin_run_id }
	end
	local most = tonumber(parameter.max_attempts)
	return { id = entry, name = name, most = most,
		note = { run = members.plugin_run_id, name = name },
		line = '{"id":"' .. entry .. '","queue":"default","name":'
			.. quote(name) .. ',"input":'
			.. string.gsub(text, '[\r\n]', ' ')
			.. ',"max_attempts":' .. most }
end
