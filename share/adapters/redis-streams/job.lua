-- What an entry says as a job: a table of its id, the line (an object without
-- its closing brace), the name, the most attempts, and a note that result_of()
-- will be given; or nil and why it is no job, with the note if there is one.
-- An adapter of one's own has its own of this file.
--
-- Here it is what jobq-push has written (fields id, job, max_attempts, name),
-- or else any entry, by the parameters: field, the field that is the input, as
-- JSON or, with as=text, as a string; without it the input is an object of all
-- fields. The name is that in name_field, else the parameter name.
local function may_be_name(text)
	return text and text ~= '' and #text <= 255 and is_utf8(text)
		and not find(text, '[%z\1-\31\127]')
		and not find(text, '\194[\128-\159]')
end

local function max_attempts(text)
	local most = tonumber(match(text or '', '^%d%d?%d?%d?%d?%d?$') or nil)
	return most and most > 0 and most or nil
end

-- What jobq-push has written was looked at then, and its id noted.
local function pushed_job(entry, fields)
	if fields[1] ~= 'id' or fields[3] ~= 'job'
		or call('HGET', key('id'), fields[2]) ~= entry then
		return nil
	end
	return { id = fields[2], line = sub(fields[4], 1, -2),
		most = max_attempts(fields[6]) or 5, name = fields[8] }
end

local function all_fields(fields)
	local out = {}
	for i = 1, #fields, 2 do
		if not is_utf8(fields[i]) or not is_utf8(fields[i + 1]) then
			return nil, 'a field is not UTF-8'
		end
		out[#out + 1] = quote(fields[i]) .. ':' .. quote(fields[i + 1])
	end
	return '{' .. concat(out, ',') .. '}'
end

local function input_of(fields)
	if parameter.field == '' then
		return all_fields(fields)
	end
	local text = value_of(fields, parameter.field)
	if not text then
		return nil, 'it has no field ' .. parameter.field
	elseif #text > ENTRY_BYTES then
		return nil, 'its field ' .. parameter.field .. ' is too long'
	elseif parameter.as == 'text' then
		return is_utf8(text) and quote(text), 'its field '
			.. parameter.field .. ' is not UTF-8'
	end
	return is_json(text) and (string.gsub(text, '[\r\n]', ' ')),
		'its field ' .. parameter.field .. ' is not JSON'
end

local function read_job(entry, fields)
	local pushed = pushed_job(entry, fields)
	if pushed then
		return pushed
	end
	local input, why = input_of(fields)
	local name = parameter.name_field ~= ''
		and value_of(fields, parameter.name_field)
		or parameter.name ~= '' and parameter.name or 'default'
	local most = max_attempts(parameter.max_attempts) or 5
	if not input then
		return nil, why
	elseif #input > ENTRY_BYTES then
		return nil, 'it is too long'
	elseif not may_be_name(name) then
		return nil, 'its name cannot be one'
	end
	return { id = entry, name = name, most = most,
		line = '{"id":"' .. entry .. '","queue":"default","name":'
			.. quote(name) .. ',"input":' .. input
			.. ',"max_attempts":' .. most }
end
