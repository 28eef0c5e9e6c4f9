-- JSON strings, and times as RFC 3339 has them.
local function quote(text)
	return (string.gsub(cjson.encode(text), '\\/', '/'))
end

-- The date of a day since 1970, by the algorithm of H. Hinnant, "chrono-
-- Compatible Low-Level Date Algorithms", civil_from_days.
local function date(days)
	local z = days + 719468
	local era = math.floor(z / 146097)
	local doe = z - era * 146097
	local yoe = math.floor((doe - math.floor(doe / 1460)
		+ math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
	local doy = doe - (365 * yoe + math.floor(yoe / 4)
		- math.floor(yoe / 100))
	local mp = math.floor((5 * doy + 2) / 153)
	local month = mp < 10 and mp + 3 or mp - 9
	return string.format('%04d-%02d-%02d', yoe + era * 400
		+ (month <= 2 and 1 or 0), month,
		doy - math.floor((153 * mp + 2) / 5) + 1)
end

local dates, times = {}, {}

local function time(ms)
	local text = times[ms]
	if text then
		return text
	end
	local days = math.floor(ms / 86400000)
	local rest = ms - days * 86400000
	dates[days] = dates[days] or date(days)
	text = string.format('%sT%02d:%02d:%02d.%03dZ', dates[days],
		math.floor(rest / 3600000), math.floor(rest / 60000) % 60,
		math.floor(rest / 1000) % 60, rest % 1000)
	times[ms] = text
	return text
end
